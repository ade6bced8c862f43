// The nearest rule that coccinelle can state: a second acquire of the same lock with no release between.
@@
expression L;
position p;
@@
* KeAcquireSpinLockRaiseToDpc(L)
... when != KeReleaseSpinLock(L, ...)
* KeAcquireSpinLockRaiseToDpc@p(L)
