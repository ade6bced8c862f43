/* GNU C as kernels write it, in macros of our own: `test_against_libclang` compares every function. */
#define unlikely(x) __builtin_expect(!!(x), 0)
#define offset_in(type, member) __builtin_offsetof(type, member)
#define owner_of(pointer, type, member) ({ \
	void *__at = (void *)(pointer); \
	_Static_assert(__builtin_types_compatible_p(typeof(*(pointer)), typeof(((type *)0)->member)) || 1, "member"); \
	(type *)((char *)__at - offset_in(type, member)); })
#define read_once(x) (*(const volatile typeof(_Generic((x), char: (char)0, unsigned: (unsigned)0, default: (x))) *)&(x))
#define smaller(a, b) ({ typeof(a) __a = (a); typeof(b) __b = (b); (void)(&__a == &__b); __a < __b ? __a : __b; })
#define warn_on(condition) ({ int __warn = !!(condition); if (unlikely(__warn)) report(__FILE__, __LINE__); unlikely(__warn); })
#define each_item(item, head) for (item = (head)->first; item && ({ prefetch(item->next); 1; }); item = item->next)
#define locked(lock) for (int __once = ({ take(lock); 1; }); __once; ({ give(lock); }), __once = 0)
#define swap32(x) (__builtin_constant_p(x) ? ((x) >> 24 | (x) << 24) : swab(x))
#define guarded(pointer) struct lock *__guard __attribute__((cleanup(give_late))) = ({ take(pointer); (pointer); })

struct lock { int value; };
struct item { struct item *next; int kind; unsigned flags; };
struct list { struct lock lock; struct item *first; long count; };
struct device { struct list items; int state; void (*notify)(struct device *, int); };

extern void take(struct lock *), give(struct lock *), give_late(struct lock **), prefetch(const void *), report(const char *, int);
extern int try_take(struct lock *), busy(void), step(int), retry(const struct list *, unsigned);
extern unsigned swab(unsigned), begin(const struct list *);

static inline __attribute__((always_inline)) struct device *device_of(struct list *list)
{
	return owner_of(list, struct device, items);
}

int statement_expressions(struct list *list, int limit)
{
	struct item *item;
	int found = 0;

	each_item(item, list) {
		if (warn_on(item->kind < 0 || read_once(item->flags) & 1))
			continue;
		found += ({ int __k = step(item->kind); if (__k > limit) break; __k ?: busy(); });
	}
	return smaller(found, limit) + smaller(step(1), busy());
}

int scoped(struct device *device)
{
	locked(&device->items.lock) {
		if (busy())
			continue;
		if (warn_on(!device->state) && step(2))
			break;
		device->items.count++;
	}
	return device->state;
}

int guard(struct device *device)
{
	guarded(&device->items.lock);
	if (busy())
		return -1;
	while (step(3)) {
		guarded(&device->items.lock);
		if (busy() && step(4))
			goto out;
	}
out:
	return device->state;
}

int ranges(int code, unsigned flags)
{
	switch (code) {
	case 0:
		return 0;
	case 1 ... 9:
		code += step(code);
		__attribute__((fallthrough));
	case 'a' ... 'z':
	case -20 ... -10:
		return code && flags ? busy() : step(5);
	default:
		return __builtin_expect(code > 100 && !busy(), 1) ? -1 : 1;
	}
}

int computed(const unsigned char *program, struct list *list)
{
	static const void *const table[] = { [0 ... 3] = &&bad, [1] = &&add, [2] = &&lock };
	int sum = 0;

next:
	goto *table[*program++ & 3];
add:
	sum += step(sum);
	goto next;
lock:
	if (!try_take(&list->lock))
		goto bad;
	sum++;
	give(&list->lock);
	goto next;
bad:
	return sum;
}

int jumps_of_assembler(struct list *list)
{
	__label__ slow;
	asm goto("1: nop\n\t" : : "i" (&list->count), "r" (step(6)) : "memory" : slow, out);
	return 0;
slow:
	take(&list->lock);
	asm volatile("lock; incl %0" : "+m" (list->lock.value) : : "cc");
	give(&list->lock);
out:
	return busy();
}

long retried(const struct list *list)
{
	unsigned seen;
	long count;

	do {
		seen = begin(list);
		count = list->count;
	} while (unlikely(retry(list, seen)));
	return count;
}

unsigned constants(unsigned x)
{
	typeof(step(7)) unused = sizeof(step(8)) + __alignof__(struct list);
	__auto_type y = __builtin_choose_expr(sizeof(x) == 4, swap32(x), swab(x));
	return y + unused + swap32(0x11223344u) + (_Generic(x, unsigned: swab, int: step)(x));
}

void notify(struct list *list, int how)
{
	struct device *device = device_of(list);

	do {
		if (how & 1 && device->notify) {
			device->notify(device, how);
			break;
		}
		if (try_take(&list->lock) || ({ take(&list->lock); 0; }))
			report("busy", how);
		(how ? device->notify : (void (*)(struct device *, int))report)(device, how);
		give(&list->lock);
	} while (0);
}
