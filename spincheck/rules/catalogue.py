"""The list of all rules, in the order in which they are listed: Microsoft's by driver model, our own, the other worlds."""

from __future__ import annotations

from spincheck.rules.call_while_holding import CallWhileHoldingRule
from spincheck.rules.call_without_holding import CallWithoutHoldingRule
from spincheck.rules.cancel_spinlock import CancelSpinLockRule
from spincheck.rules.cancel_spinlock_release import CancelSpinLockReleaseRule
from spincheck.rules.critical_regions import CriticalRegionsRule
from spincheck.rules.ex_spinlock import ExSpinLockRule
from spincheck.rules.exclusive_resource_access import ExclusiveResourceAccessRule
from spincheck.rules.fast_mutex import FastMutexRule
from spincheck.rules.guarded_mutex import GuardedMutexRule
from spincheck.rules.guarded_regions import GuardedRegionsRule
from spincheck.rules.interrupt_spinlock import InterruptSpinLockRule
from spincheck.rules.irql_ke_release_spinlock import IrqlKeReleaseSpinLockRule
from spincheck.rules.irql_return import IrqlReturnRule
from spincheck.rules.kmdf_spinlock import SpinlockRule
from spincheck.rules.kmdf_spinlock_dpc import SpinlockDpcRule
from spincheck.rules.kmdf_spinlock_release import SpinlockReleaseRule
from spincheck.rules.linux_mutex import LinuxMutexRule
from spincheck.rules.linux_rwlock import LinuxRWLockRule
from spincheck.rules.linux_rwsem import LinuxRWSemRule
from spincheck.rules.linux_sleep_under_spinlock import LinuxSleepUnderSpinLockRule
from spincheck.rules.linux_spinlock import LinuxSpinLockRule
from spincheck.rules.lock_balance import LockBalanceRule
from spincheck.rules.lock_contract import LockContractRule
from spincheck.rules.lock_irql import LockIrqlRule
from spincheck.rules.lock_order import LockOrderRule
from spincheck.rules.lock_variant import LockVariantRule
from spincheck.rules.ndis_rw_lock import NdisRWLockRule
from spincheck.rules.ndis_spinlock_release import SpinLockReleaseRule
from spincheck.rules.parent_object_check_lock import ParentObjectCheckLockRule
from spincheck.rules.passive_while_spinlock import PassiveWhileSpinlockRule
from spincheck.rules.posix_mutex import PosixMutexRule
from spincheck.rules.posix_rwlock import PosixRWLockRule
from spincheck.rules.posix_spinlock import PosixSpinLockRule
from spincheck.rules.push_lock import PushLockRule
from spincheck.rules.queue_handle_reuse import QueueHandleReuseRule
from spincheck.rules.queued_spinlock import QueuedSpinLockRule
from spincheck.rules.queued_spinlock_release import QueuedSpinLockReleaseRule
from spincheck.rules.remove_lock import RemoveLockRule
from spincheck.rules.req_send_while_spinlock import ReqSendWhileSpinlockRule
from spincheck.rules.rule import Rule
from spincheck.rules.spinlock_balanced import SpinLockBalancedRule
from spincheck.rules.spinlock_dpr import SpinLockDprRule
from spincheck.rules.spinlock_dpr_release import SpinLockDprReleaseRule
from spincheck.rules.spinlock_safe import SpinLockSafeRule
from spincheck.rules.storport_msi_lock import StorPortMSILockRule
from spincheck.rules.storport_spinlock import StorPortSpinLockRule
from spincheck.rules.wait_while_spinlock import WaitWhileSpinlockRule
from spincheck.rules.wdf_interrupt_lock import WdfInterruptLockRule
from spincheck.rules.wdf_interrupt_lock_release import WdfInterruptLockReleaseRule
from spincheck.rules.wdf_object_lock import WdfObjectLockRule
from spincheck.rules.wdf_spinlock import WdfSpinlockRule
from spincheck.rules.wdf_spinlock_release import WdfSpinlockReleaseRule
from spincheck.rules.wdf_waitlock import WdfWaitlockRule
from spincheck.rules.wdf_waitlock_release import WdfWaitlockReleaseRule
from spincheck.rules.wdm_spinlock import SpinLockRule
from spincheck.rules.wdm_spinlock_dpc import SpinLockDpcRule
from spincheck.rules.within_critical_region import WithinCriticalRegionRule

RULES: tuple[type[Rule], ...] = (
    SpinlockReleaseRule,
    SpinlockRule,
    SpinlockDpcRule,
    WdfSpinlockRule,
    WdfSpinlockReleaseRule,
    WdfWaitlockRule,
    WdfWaitlockReleaseRule,
    WdfInterruptLockRule,
    WdfInterruptLockReleaseRule,
    ReqSendWhileSpinlockRule,
    ParentObjectCheckLockRule,
    SpinLockRule,
    SpinLockDpcRule,
    SpinLockReleaseRule,
    SpinLockSafeRule,
    QueuedSpinLockRule,
    QueuedSpinLockReleaseRule,
    CancelSpinLockRule,
    CancelSpinLockReleaseRule,
    CriticalRegionsRule,
    GuardedRegionsRule,
    WithinCriticalRegionRule,
    ExclusiveResourceAccessRule,
    IrqlKeReleaseSpinLockRule,
    RemoveLockRule,
    IrqlReturnRule,
    SpinLockBalancedRule,
    SpinLockDprRule,
    SpinLockDprReleaseRule,
    StorPortSpinLockRule,
    StorPortMSILockRule,
    LockVariantRule,
    LockIrqlRule,
    QueueHandleReuseRule,
    LockOrderRule,
    LockContractRule,
    ExSpinLockRule,
    NdisRWLockRule,
    WdfObjectLockRule,
    FastMutexRule,
    GuardedMutexRule,
    PushLockRule,
    InterruptSpinLockRule,
    WaitWhileSpinlockRule,
    PassiveWhileSpinlockRule,
    CallWhileHoldingRule,
    CallWithoutHoldingRule,
    LockBalanceRule,
    PosixMutexRule,
    PosixSpinLockRule,
    PosixRWLockRule,
    LinuxSpinLockRule,
    LinuxRWLockRule,
    LinuxMutexRule,
    LinuxRWSemRule,
    LinuxSleepUnderSpinLockRule,
)
