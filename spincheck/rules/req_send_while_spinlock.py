"""Rule ReqSendWhileSpinlock: no request is sent while a spin lock is held (Microsoft: kmdf-reqsendwhilespinlock)."""

from __future__ import annotations

from spincheck.rules.rule import PRIMARY, Expect, Invalid, Match, Rule


class ReqSendWhileSpinlockRule(Rule):
    """WdfRequestSend and the calls that send and wait must not be called while any spin lock is held.

    The lower driver may complete the request at once, on this thread: the completion routine then wants the same lock, and waits for ever.
    """

    name = "ReqSendWhileSpinlock"
    title = "no request is sent while a spin lock is held"
    models = ("kmdf",)
    pages = ("kmdf-reqsendwhilespinlock",)
    microsoft = "WdfRequestSend is not called while a spin lock is held."
    differs = (
        "The synchronous senders of I/O and USB targets count too, and every kind of spin lock, also through "
        "helpers."
    )
    matches = (Match(("call-while-holding",), rank=PRIMARY, hinted=True),)
    valid = (
        """\
EVT_WDF_IO_QUEUE_IO_READ EvtIoRead;

VOID EvtIoRead(WDFQUEUE Queue, WDFREQUEST Request, SIZE_T Length)
{
    PDEVICE dev = DeviceOf(Queue);

    WdfSpinLockAcquire(dev->SpinLock);
    dev->Count += (LONG)Length;
    WdfSpinLockRelease(dev->SpinLock);
    if (!WdfRequestSend(Request, dev->Target, NULL)) {
        WdfRequestComplete(Request, STATUS_UNSUCCESSFUL);
    }
}
""",
    )
    invalid = (
        Invalid(
            """\
EVT_WDF_IO_QUEUE_IO_READ EvtIoRead;

VOID EvtIoRead(WDFQUEUE Queue, WDFREQUEST Request, SIZE_T Length)
{
    PDEVICE dev = DeviceOf(Queue);

    WdfSpinLockAcquire(dev->SpinLock);
    dev->Count += (LONG)Length;
    WdfRequestSend(Request, dev->Target, NULL);
    WdfSpinLockRelease(dev->SpinLock);
}
""",
            (Expect(9, "ReqSendWhileSpinlock"),),
        ),
    )
