// Executes single instructions on the CPU that it runs on: cases from stdin, what became of each to stdout.
// The judge of hv/vmm/decode's executor; only instructions that touch nothing but the window and the registers.
#include <asm/prctl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// As native.ts has them.
#define CODE ((uint8_t *)0x11000000)
#define WINDOW ((uint8_t *)0x10000f00)
#define DATA_PAGES ((void *)0x10000000)
#define WINDOW_BYTES 512

struct state {
  uint64_t registers[16];
  uint64_t flags;
  uint64_t fs_base, gs_base;
  uint64_t is_64_bit;
  uint64_t length;
  uint8_t code[16];
  uint8_t window[WINDOW_BYTES];
};

struct state current;
uint64_t host_rsp;
struct __attribute__((packed)) {
  uint32_t offset;
  uint16_t selector;
} entry;

void run(void);
void back(void);

// Only MOV and JMP stand between POPF, the instruction and PUSHF: neither touches a flag.
__asm__(
    ".globl run, back\n"
    "run: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rsp, host_rsp\n"
    "pushq current+128; popfq\n"
    "mov current+8, %rcx; mov current+16, %rdx; mov current+24, %rbx; mov current+32, %rsp; mov current+40, %rbp\n"
    "mov current+48, %rsi; mov current+56, %rdi; mov current+64, %r8; mov current+72, %r9; mov current+80, %r10\n"
    "mov current+88, %r11; mov current+96, %r12; mov current+104, %r13; mov current+112, %r14\n"
    "mov current+120, %r15; mov current, %rax\n"
    "ljmp *entry\n"
    "back: mov %rax, current; mov %rcx, current+8; mov %rdx, current+16; mov %rbx, current+24; mov %rsp, current+32\n"
    "mov %rbp, current+40; mov %rsi, current+48; mov %rdi, current+56; mov %r8, current+64; mov %r9, current+72\n"
    "mov %r10, current+80; mov %r11, current+88; mov %r12, current+96; mov %r13, current+104; mov %r14, current+112\n"
    "mov %r15, current+120\n"
    "mov host_rsp, %rsp\n"
    "pushfq; popq current+128; cld\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "ret\n");

static const uint16_t CODE_64_BIT = 0x33, CODE_32_BIT = 0x23, DATA = 0x2b;

static int transfer(int is_read, void *at, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    ssize_t moved = is_read ? read(0, (char *)at + done, bytes - done) : write(1, (char *)at + done, bytes - done);
    if (moved <= 0) return 0;
    done += moved;
  }
  return 1;
}

static void execute(void) {
  uint64_t host_fs_base;
  memcpy(CODE, current.code, current.length);
  uint8_t *end = CODE + current.length;
  uint32_t target = (uint32_t)(uintptr_t)back;
  if (current.is_64_bit) {
    memcpy(end, "\xff\x25\0\0\0\0", 6);  // JMP [RIP]
    uint64_t wide = target;
    memcpy(end + 6, &wide, 8);
  } else {
    *end = 0xea;  // JMP far
    memcpy(end + 1, &target, 4);
    memcpy(end + 5, &CODE_64_BIT, 2);
  }
  entry.offset = (uint32_t)(uintptr_t)CODE;
  entry.selector = current.is_64_bit ? CODE_64_BIT : CODE_32_BIT;
  memcpy(WINDOW, current.window, WINDOW_BYTES);
  syscall(SYS_arch_prctl, ARCH_GET_FS, &host_fs_base);
  syscall(SYS_arch_prctl, ARCH_SET_GS, current.gs_base);
  // libc's thread data is at the FS base: from here to the next call nothing may use it.
  uint64_t set = ARCH_SET_FS, number = SYS_arch_prctl;
  uint64_t ignored;
  __asm__ volatile("syscall" : "=a"(ignored) : "a"(number), "D"(set), "S"(current.fs_base) : "rcx", "r11", "memory");
  run();
  __asm__ volatile("syscall" : "=a"(ignored) : "a"(number), "D"(set), "S"(host_fs_base) : "rcx", "r11", "memory");
  memcpy(current.window, WINDOW, WINDOW_BYTES);
}

int main(void) {
  int all = PROT_READ | PROT_WRITE | PROT_EXEC, how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  if (mmap(DATA_PAGES, 0x2000, all, how, -1, 0) == MAP_FAILED || mmap(CODE, 0x1000, all, how, -1, 0) == MAP_FAILED)
    return 1;
  __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(DATA));
  while (transfer(1, &current, sizeof current)) {
    execute();
    if (!transfer(0, &current, sizeof current)) return 2;
  }
  return 0;
}
