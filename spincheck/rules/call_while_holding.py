"""Rule CallWhileHolding: a call that a table forbids is not made under the lock (our own)."""

from __future__ import annotations

from spincheck.rules.rule import Expect, Invalid, Match, Rule


class CallWhileHoldingRule(Rule):
    """A call that a project's own tables forbid while a lock is held is not made while one of these kinds is held."""

    name = "CallWhileHolding"
    title = "a call that a table forbids is not made under the lock"
    models = ("kmdf", "wdm", "ndis", "storport", "posix", "linux")
    differs = "For `forbidden` rows of a project's configuration that name no rule of their own."
    fallback = True
    configuration = 'forbidden = [{ function = "Touch", kinds = ["@spin"] }]\n'
    matches = (Match(("call-while-holding",)),)
    valid = (
        """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);

    WdfSpinLockAcquire(dev->SpinLock);
    dev->Count++;
    WdfSpinLockRelease(dev->SpinLock);
    Touch(dev);
}
""",
    )
    invalid = (
        Invalid(
            """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);

    WdfSpinLockAcquire(dev->SpinLock);
    Touch(dev);
    WdfSpinLockRelease(dev->SpinLock);
}
""",
            (Expect(8, "CallWhileHolding"),),
        ),
    )
