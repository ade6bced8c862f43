/*
 * locklib.h - the ways in which this driver takes and gives back its locks.
 *
 * A helper that takes a lock says so in its name (Lock, Unlock) and leaves the lock as its return value tells.
 */
#pragma once

_Must_inspect_result_
BOOLEAN
PxLockIfRunning(
    _In_ PDEVICE_CONTEXT Dev,
    _Out_ PKIRQL OldIrql
    );

VOID
PxUnlockState(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ KIRQL OldIrql
    );

VOID
PxLockChannel(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ ULONG Index,
    _In_ BOOLEAN AtDispatch,
    _Out_ PKIRQL OldIrql
    );

VOID
PxUnlockChannel(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ ULONG Index,
    _In_ BOOLEAN AtDispatch,
    _In_ KIRQL OldIrql
    );

BOOLEAN
PxTryLockChannel(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ ULONG Index
    );

VOID
PxLockChannelPair(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ ULONG First,
    _In_ ULONG Second,
    _Out_ PKIRQL OldIrql
    );

VOID
PxUnlockChannelPair(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ ULONG First,
    _In_ ULONG Second,
    _In_ KIRQL OldIrql
    );

VOID
PxLockRequest(
    _In_ PREQUEST_CONTEXT Context,
    _Out_ PKIRQL OldIrql
    );

VOID
PxUnlockRequest(
    _In_ PREQUEST_CONTEXT Context,
    _In_ KIRQL OldIrql
    );

VOID
PxCompleteWriteUnlocked(
    _In_ PDEVICE_CONTEXT Dev,
    _In_ PREQUEST_CONTEXT Context,
    _In_ NTSTATUS Status
    );
