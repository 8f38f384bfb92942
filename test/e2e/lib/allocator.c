/* An allocator to preload: it ends the process when it is asked about, or given back, a block that it did not give out. Nothing is ever used again. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAGIC = 0x68666d61, HEAD_BYTES = 64 };

static char arena[256 << 20];
static size_t taken;

struct head {
    size_t bytes;
    uint64_t magic;
};

static struct head *head_of(void *at)
{
    struct head *head = (struct head *)((char *)at - sizeof(struct head));

    if ((char *)at < arena || (char *)at >= arena + sizeof(arena) || head->magic != MAGIC) {
        (void)!write(2, "a foreign block\n", 16);
        _exit(99);
    }
    return head;
}

void *memalign(size_t align, size_t bytes)
{
    size_t from = __atomic_fetch_add(&taken, bytes + align + HEAD_BYTES, __ATOMIC_RELAXED);
    char *at = (char *)(((uintptr_t)arena + from + HEAD_BYTES + align - 1) / align * align);

    if (from + bytes + align + HEAD_BYTES > sizeof(arena))
        return NULL;
    *((struct head *)at - 1) = (struct head){bytes, MAGIC};
    return at;
}

void *malloc(size_t bytes)
{
    return memalign(16, bytes);
}
void *aligned_alloc(size_t align, size_t bytes)
{
    return memalign(align, bytes);
}
void *valloc(size_t bytes)
{
    return memalign(4096, bytes);
}
void *pvalloc(size_t bytes)
{
    return memalign(4096, bytes);
}
void *calloc(size_t count, size_t bytes)
{
    return memalign(16, count * bytes); /* the arena is zero */
}
size_t malloc_usable_size(void *at)
{
    return at == NULL ? 0 : head_of(at)->bytes;
}

void free(void *at)
{
    if (at != NULL)
        (void)head_of(at);
}

int posix_memalign(void **ret_at, size_t align, size_t bytes)
{
    *ret_at = memalign(align, bytes);
    return *ret_at == NULL ? ENOMEM : 0;
}

void *realloc(void *at, size_t bytes)
{
    void *now = malloc(bytes);

    if (at != NULL && now != NULL)
        memcpy(now, at, head_of(at)->bytes < bytes ? head_of(at)->bytes : bytes);
    return now;
}
