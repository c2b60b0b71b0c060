// What the native runtime's files share. Mechanism only: what is decided is decided in hv/core.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64;

#define PAGE_SIZE 4096ull
#define LARGE_PAGE_SIZE (2ull << 20)
#define GIB (1ull << 30)
enum { MAX_VMS = 16, MAX_CPUS = 64 };

// Address space: the image is mapped where it was loaded; each Wasm instance has a PML4 slot (512 GiB) of its own.
// Its linear memory is the 8 GiB reservation from 1 GiB on; the instance's own structure lies just below, at a fixed
// distance, so that generated code reaches memory without loading a base address.
#define INSTANCE_SLOT(n) ((u64)(1 + (n)) << 39)
#define INSTANCE_STATE_BYTES (5 * PAGE_SIZE) // wasm2c's structure, then the function table
#define INSTANCE_GAP 0x10000ull
#define INSTANCE_MEMORY(n) (INSTANCE_SLOT(n) + GIB)
#define INSTANCE_STATE(n) (INSTANCE_MEMORY(n) - INSTANCE_GAP)
#define RESERVATION_BYTES (8 * GIB)
#define CORE_INSTANCE 0
#define VMM_INSTANCE(vm) (1 + (vm))
#define APIC_WINDOW ((u64)64 << 39) // the local APIC's page in xAPIC mode
#define MEMORY_WINDOW (APIC_WINDOW + PAGE_SIZE) // of readPhysical and of devices' registers
#define BLOCK_WINDOW (APIC_WINDOW + GIB) // of zeroBlock
#define TERMINAL_INSTANCE (1 + MAX_VMS)
#define MODULE_OWN_START 0xC0000000ull // vmm's and terminal's statics and heap: asconfig.json's memoryBase

// linker.ld
extern u8 image_start[], text_start[], text_end[], rodata_start[], shared_start[], shared_end[], writable_start[],
    data_end[], core_memory_start[], core_memory_end[], writable_end[], symbols_start[], image_end[], vmm_text_start[],
    vmm_text_end[], core_stack_bottom[], core_stack_top[], vmm_stack_bottom[], vmm_stack_top[], ist_stacks_start[];

#define CORE_BYTES ((u64)(core_memory_end - core_memory_start))
// Each interrupt stack lies above a guard page (linker.ld).
enum { IST_STACKS = 5, IST_STACK_BYTES = 2 * PAGE_SIZE };
#define IST_STACK_TOP(n) (ist_stacks_start + ((n) + 1) * (PAGE_SIZE + IST_STACK_BYTES))

// serial.c: COM1.
extern bool serial_is_absent;
void serial_write(const u8 *text, u32 length);
void serial_drain(void);

// terminal_unit.c: the screen, to which nothing goes before core opens it, and the keyboard.
void terminal_start(void);
void terminal_write(const u8 *text, u32 length);

// text.c: all that is printed goes to COM1 and the screen; and the runtime's own few words, for reports without core.
void console_write(const u8 *text, u32 length);
bool take_console(void); // who panics keeps it
void put_texts(const char *const *texts);
#define put(...) put_texts((const char *[]){__VA_ARGS__, NULL})
void put_hex(u64 value, u32 digits);
void put_decimal(u64 value);

// AssemblyScript's strings, which are UTF-16 with their length in bytes four bytes before.
// Copies the string at `pointer` of `memory` as ASCII if it lies in [start, start + bytes); returns its length there.
u32 copy_string(const u8 *memory, u64 start, u64 bytes, u32 pointer, char *out, u32 capacity);
// Says what AssemblyScript's abort of a module says whose own data is [start, start + bytes) of its memory.
void put_assertion(const u8 *memory, u64 start, u64 bytes, u32 message, u32 file, u32 line, u32 column);
u32 copy_text(const char *text, char *out, u32 capacity);

// string.c
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int value, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *left, const void *right, size_t n); // named by wasm2c's output, called by none of it

struct w2c_hardware; // core's instance, which most imports of core do not use

// paging.c
// Bits of an entry: PWT and PCD choose PAT entry 3, UC. PAGE_EXECUTE is none, but the absence of NX.
enum page_flags { PAGE_READ = 1, PAGE_WRITE = 2 | 1, PAGE_UNCACHED = 0x18 | 2 | 1, PAGE_EXECUTE = 0x100 };
void paging_start(void);
bool paging_map(u64 address, u64 physical, u64 bytes, u32 flags);
u64 paging_physical(const void *linear);
extern u64 replica_offset;
// What all CPUs have together; of all else that is written each has its own.
#define SHARED __attribute__((section(".shared,\"aw\",@nobits#"), aligned(64)))
enum { SHARED_WORDS = 32768 }; // hv/core/processors/shared-words.ts
extern u64 shared_words[SHARED_WORDS];

// traps.c
struct trap_frame {
  u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax, vector, error, rip, cs, rflags, rsp, ss;
};
extern volatile u64 nmi_count;
extern enum apic_mode { APIC_ABSENT, APIC_XAPIC, APIC_X2APIC } apic_mode; // local-apic.ts, as the vectors below
enum { TIMER_VECTOR = 0x40, MAIL_VECTOR, SPURIOUS_VECTOR = 0xFF, WORK_TICK = 2, WORK_MAIL = 4 }; // hv/core/vcpu/work.ts
extern u32 *work_word; // of core's: each interrupt of the timer sets WORK_TICK there, another CPU's mail WORK_MAIL
extern u64 processors; // a bit for each CPU that has set up its local APIC: NMIs reach it
extern u32 processor, apic_ids[MAX_CPUS]; // which one this is, below MAX_CPUS, by hv/core/processors; and of each
extern bool is_panicking;
void panic_start(void); // stops the other CPUs, and begins the first line of the only report
void traps_start(void), write_apic(u32 offset, u64 value); // in whichever mode; nothing without an APIC

// report.c: the ends that nothing returns from.
enum result { // hv/core/results.ts holds the whole table
  RESULT_HOST_EXCEPTION = 60, RESULT_ASSERTION, RESULT_CORE_TRAP, RESULT_VMCS_ACCESS, RESULT_MACHINE_CHECK
};
enum { END_NOTHING, END_OUT8, END_SET16, END_WAIT8, END_TRIPLE_FAULT, END_STEPS = 16 }; // hv/core/firmware/end-steps.ts
extern struct end_step { u16 kind, port, mask, value; } end_steps[END_STEPS];
void announce(u32 result, const char *name);
_Noreturn void end_machine(void);
_Noreturn void finish(u32 result, const char *name);
_Noreturn void panic_at(u32 result, const char *name, u64 rip, u64 rbp);
// Where the running function was called, within the call instruction: what follows it may be another function's code.
#define CALL_SITE ((u64)__builtin_return_address(0) - 1)
#define CALLER_FRAME (*(u64 *)__builtin_frame_address(0))
u32 backtrace(u64 rip, u64 rbp, u64 *out, u32 count);
const char *symbol_of(u64 address, u64 *offset);

// vmm.c and vmm_unit.c: calls into vmm instances and what stops them.
enum { VMM_STACK_GUARD = 0x10000, VMM_ENTRY_EXIT = 3, VMM_ENTRIES, VMM_TRAP_FRAMES = 8 }; // linker.ld, vmm_unit.c, hv/core/vmm.ts
struct w2c_host { u8 *memory; u64 own_bytes, ram_bytes; u32 ram; };
extern void *const vmm_entries[VMM_ENTRIES]; // each u32 (*)(instance, u32 argument), as vmm_call.asm calls it
void vmm_instance_create(void *state, struct w2c_host *host);
u64 w2c_host_clock(struct w2c_host *host);
void vmm_abort(struct w2c_host *host, u32 message, u32 file, u32 line);
enum vmm_trap_kind { // hv/core/vmm.ts names them
  VMM_POPULATED, VMM_TRAP_OUT_OF_BOUNDS, VMM_TRAP_STACK_EXHAUSTED, VMM_TRAP_UNREACHABLE, VMM_TRAP_ABORT,
  VMM_TRAP_TIME_BUDGET, VMM_TRAP_ARITHMETIC, VMM_TRAP_INDIRECT_CALL, VMM_TRAP_EXCEPTION, VMM_TRAP_NO_RAM
};
extern struct vmm_trap_record { // hv/core/vmm.ts
  u32 kind, line;
  u64 address;
  u32 frame_count, message_length, file_length, reserved;
  u64 frames[VMM_TRAP_FRAMES];
  char message[120], file[80];
} vmm_trap_record;
extern u64 vmm_escape_stack;
extern u32 vmm_running, vmm_timer_ticks, vmm_budget_is_spent; extern u64 vmm_guest_cr2;
bool vmm_is_running(void);
bool vmm_code_holds(u64 rip);
u64 vmm_fault_kind(u64 address, bool is_present);
void vmm_record_trap(u32 kind, u64 address, u64 rip, u64 rbp);
void vmm_unwind(struct trap_frame *frame, u32 kind, u64 address);
void vmm_timer_tick(struct trap_frame *frame);
_Noreturn void vmm_escape(u64 trapped);

static inline u64 read_msr(u32 index) {
  u32 low, high; __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
  return (u64)high << 32 | low;
}
static inline void write_msr(u32 index, u64 value) {
  __asm__ volatile("wrmsr" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}
static inline u64 read_tsc(void) { return __builtin_ia32_rdtsc(); }
#define PORT_ACCESS(bits, suffix)                                                                                      \
  static inline u##bits in##bits(u16 port) {                                                                           \
    u##bits value; __asm__ volatile("in" suffix " %1, %0" : "=a"(value) : "Nd"(port)); return value;                   \
  }                                                                                                                    \
  static inline void out##bits(u16 port, u##bits v) { __asm__ volatile("out" suffix " %0, %1" : : "a"(v), "Nd"(port)); }
PORT_ACCESS(8, "b") PORT_ACCESS(16, "w") PORT_ACCESS(32, "l")
