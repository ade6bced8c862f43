/*
 * entry.c - binds the driver to the framework before DriverEntry runs.
 *
 * In a WDK build WdfDriverEntry.lib brings this. The image's entry point is FxDriverEntry: it asks the framework's
 * loader for the table of entry points, calls the driver's DriverEntry, and takes the reference back if that fails.
 * On unload the framework's own routine has to run first, so it is displaced by one that calls it and then unbinds.
 */
#include <ntddk.h>
#include "wdf.h"

typedef struct _WDF_BIND_INFO {
    ULONG Size;
    PWCHAR Component;
    struct {
        ULONG Major;
        ULONG Minor;
        ULONG Build;
    } Version;
    ULONG FuncCount;
    WDFFUNC *FuncTable;
    PVOID Module;
} WDF_BIND_INFO, *PWDF_BIND_INFO;

DECLSPEC_IMPORT
NTSTATUS
NTAPI
WdfVersionBind(
    _In_ PDRIVER_OBJECT DriverObject,
    _In_ PUNICODE_STRING RegistryPath,
    _Inout_ PWDF_BIND_INFO BindInfo,
    _Out_ PWDF_DRIVER_GLOBALS *Globals
    );

DECLSPEC_IMPORT
NTSTATUS
NTAPI
WdfVersionUnbind(
    _In_ PUNICODE_STRING RegistryPath,
    _In_ PWDF_BIND_INFO BindInfo,
    _In_ PWDF_DRIVER_GLOBALS Globals
    );

const WDFFUNC *WdfFunctions;
PWDF_DRIVER_GLOBALS WdfDriverGlobals;

static WCHAR FxComponent[] = L"KmdfLibrary";

static WDF_BIND_INFO FxBindInfo = {
    sizeof(WDF_BIND_INFO),
    FxComponent,
    { KMDF_VERSION_MAJOR, KMDF_VERSION_MINOR, 0 },
    WdfFunctionTableNumEntries,
    (WDFFUNC *) &WdfFunctions,
    NULL
};

/* WdfVersionUnbind needs the path after the I/O manager has taken its own string away. */
static WCHAR FxRegistryPathBuffer[260];
static UNICODE_STRING FxRegistryPath = { 0, sizeof(FxRegistryPathBuffer), FxRegistryPathBuffer };

static PDRIVER_UNLOAD FxFrameworkUnload;

DRIVER_INITIALIZE DriverEntry;
DRIVER_INITIALIZE FxDriverEntry;
static DRIVER_UNLOAD FxDriverUnload;

static
_Use_decl_annotations_
VOID
NTAPI
FxDriverUnload(
    PDRIVER_OBJECT DriverObject
    )
{
    if (FxFrameworkUnload != NULL) {
        FxFrameworkUnload(DriverObject);
    }
    WdfVersionUnbind(&FxRegistryPath, &FxBindInfo, WdfDriverGlobals);
}

_Use_decl_annotations_
NTSTATUS
NTAPI
FxDriverEntry(
    PDRIVER_OBJECT DriverObject,
    PUNICODE_STRING RegistryPath
    )
{
    NTSTATUS status;

    if (RegistryPath->Length > FxRegistryPath.MaximumLength) {
        return STATUS_NAME_TOO_LONG;
    }
    RtlCopyUnicodeString(&FxRegistryPath, RegistryPath);

    status = WdfVersionBind(DriverObject, &FxRegistryPath, &FxBindInfo, &WdfDriverGlobals);
    if (!NT_SUCCESS(status)) {
        return status;
    }

    status = DriverEntry(DriverObject, RegistryPath);
    if (!NT_SUCCESS(status)) {
        WdfVersionUnbind(&FxRegistryPath, &FxBindInfo, WdfDriverGlobals);
        return status;
    }

    if (WdfDriverGlobals->DisplaceDriverUnload) {
        FxFrameworkUnload = DriverObject->DriverUnload;
        DriverObject->DriverUnload = FxDriverUnload;
    }
    return status;
}
