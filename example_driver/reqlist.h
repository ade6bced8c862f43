/*
 * reqlist.h - lists of cancelable requests.
 *
 * The list functions take no lock themselves: their caller holds the lock of that list. The two channel functions at
 * the end are for callers that do not.
 */
#pragma once

VOID
PxListInitialize(
    _Out_ PPX_REQUEST_LIST List
    );

NTSTATUS
PxListInsert(
    _Inout_ PPX_REQUEST_LIST List,
    _Inout_ PREQUEST_CONTEXT Context
    );

VOID
PxListRemove(
    _Inout_ PREQUEST_CONTEXT Context
    );

BOOLEAN
PxListDetach(
    _Inout_ PREQUEST_CONTEXT Context
    );

VOID
PxListDetachAll(
    _Inout_ PPX_REQUEST_LIST List,
    _In_ NTSTATUS Status,
    _Inout_ PLIST_ENTRY Done
    );

VOID
PxCompleteDone(
    _Inout_ PLIST_ENTRY Done
    );

NTSTATUS
PxChannelPend(
    _In_ PDEVICE_CONTEXT Dev,
    _Inout_ PREQUEST_CONTEXT Context
    );

VOID
PxChannelExpire(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ ULONG Index,
    _In_ ULONGLONG Now,
    _Inout_ PLIST_ENTRY Done
    );

EVT_WDF_REQUEST_CANCEL PxEvtRequestCancel;
