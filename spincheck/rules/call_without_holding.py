"""Rule CallWithoutHolding: a call that needs a lock is made under it (our own)."""

from __future__ import annotations

from spincheck.rules.rule import Expect, Invalid, Match, Rule


class CallWithoutHoldingRule(Rule):
    """A call that a project's own tables allow only under a lock is made while one of these kinds is held."""

    name = "CallWithoutHolding"
    title = "a call that needs a lock is made under it"
    models = ("kmdf", "wdm", "ndis", "storport", "posix", "linux")
    differs = "For `required` rows of a project's configuration that name no rule of their own. Helpers are followed to the routine that the system calls."
    fallback = True
    configuration = 'required = [{ function = "Touch", kinds = ["wdfwait"] }]\n'
    matches = (Match(("call-without-holding",)),)
    valid = (
        """\
EVT_WDF_WORKITEM EvtWorkItem;

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);

    WdfWaitLockAcquire(dev->WaitLock, NULL);
    Touch(dev);
    WdfWaitLockRelease(dev->WaitLock);
}
""",
        """\
EVT_WDF_WORKITEM EvtWorkItem;

static VOID Update(PDEVICE dev)
{
    Touch(dev);
}

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);

    WdfWaitLockAcquire(dev->WaitLock, NULL);
    Update(dev);
    WdfWaitLockRelease(dev->WaitLock);
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

    Touch(dev);
}
""",
            (Expect(7, "CallWithoutHolding"),),
        ),
        Invalid(
            """\
EVT_WDF_WORKITEM EvtWorkItem;

static VOID Update(PDEVICE dev)
{
    Touch(dev);
}

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    PDEVICE dev = DeviceOf(WorkItem);

    WdfWaitLockAcquire(dev->WaitLock, NULL);
    dev->Count++;
    WdfWaitLockRelease(dev->WaitLock);
    Update(dev);
}
""",
            (Expect(15, "CallWithoutHolding"),),
        ),
        Invalid(
            """\
EVT_WDF_WORKITEM EvtWorkItem;

static VOID Refresh(PDEVICE dev)
{
    WdfWaitLockAcquire(dev->WaitLock, NULL);
    dev->Count++;
    WdfWaitLockRelease(dev->WaitLock);
    Touch(dev);
}

VOID EvtWorkItem(WDFWORKITEM WorkItem)
{
    Refresh(DeviceOf(WorkItem));
}
""",
            (Expect(13, "CallWithoutHolding"),),
        ),
    )
