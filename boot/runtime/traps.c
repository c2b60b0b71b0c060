// The host's GDT, TSS and IDT, and what happens at an exception or interrupt (SDM 3A chapters 6 and 7.7).
#include "runtime.h"

enum { CODE_SELECTOR = 0x08, TSS_SELECTOR = 0x18, INTERRUPT_GATE = 0x8E, TSS_AVAILABLE = 0x89 };
enum { NMI = 2, DOUBLE_FAULT = 8, GENERAL_PROTECTION = 13, PAGE_FAULT = 14, MACHINE_CHECK = 18, FIRST_INTERRUPT = 32 };
enum { STUB_SIZE = 16, CR4_MCE = 1 << 6 }; // traps.asm; every 64-bit CPU has machine checks

extern u8 trap_stubs[], try_rdmsr_instruction[], try_rdmsr_fault[];

static struct gate { u16 offset_low, selector; u8 ist, type; u16 offset_middle; u32 offset_high, reserved; } idt[256];
static u64 gdt[5];
static struct __attribute__((packed)) {
  u32 reserved0; u64 rsp[3], reserved1, ist[7], reserved2; u16 reserved3, io_map_base;
} tss;
enum apic_mode apic_mode;
volatile u64 nmi_count;
static u32 unwatched_work;
u32 *work_word;

static const char *const exception_names[FIRST_INTERRUPT] = {
    "#DE divide error", "#DB debug", "NMI", "#BP breakpoint", "#OF overflow", "#BR bound range exceeded",
    "#UD invalid opcode", "#NM device not available", "#DF double fault", "coprocessor segment overrun",
    "#TS invalid TSS", "#NP segment not present", "#SS stack-segment fault", "#GP general protection", "#PF page fault",
    "reserved", "#MF x87 floating-point error", "#AC alignment check", "#MC machine check", "#XM SIMD floating-point",
    "#VE virtualization", "#CP control protection", [28] = "#HV hypervisor injection", "#VC VMM communication",
    "#SX security"};

// #PF has a stack of its own so that an exhausted one is a report; interrupts have one, as they come in vmm code.
static const u8 ists[] = {[NMI] = 1, [DOUBLE_FAULT] = 2, [PAGE_FAULT] = 3, [MACHINE_CHECK] = 4, [FIRST_INTERRUPT] = 5};

void traps_start(void) {
  struct __attribute__((packed)) { u16 limit; u64 base; } gdtr = {sizeof gdt - 1, (u64)gdt};
  typeof(gdtr) idtr = {sizeof idt - 1, (u64)idt};
  u64 base = (u64)&tss;
  for (u32 i = 0; i < IST_STACKS; i++) tss.ist[i] = (u64)IST_STACK_TOP(i);
  tss.io_map_base = sizeof tss;
  work_word = &unwatched_work;
  apic_mode = APIC_ABSENT; // until core has set up this CPU's
  gdt[1] = 0x00AF9B000000FFFF, gdt[2] = 0x00CF93000000FFFF; // code, data
  gdt[3] = (sizeof tss - 1) | (base & 0xFFFFFF) << 16 | (u64)TSS_AVAILABLE << 40 | (base >> 24 & 0xFF) << 56;
  gdt[4] = base >> 32;
  for (u32 v = 0; v < 256; v++) {
    u64 stub = (u64)trap_stubs + v * STUB_SIZE;
    u8 stack = ists[v < FIRST_INTERRUPT ? v : FIRST_INTERRUPT];
    idt[v] = (struct gate){stub, CODE_SELECTOR, stack, INTERRUPT_GATE, stub >> 16, stub >> 32, 0};
  }
  __asm__ volatile("lgdt %0\n\tlidt %1\n\tltr %w2" : : "m"(gdtr), "m"(idtr), "r"(TSS_SELECTOR) : "memory");
  __asm__ volatile("mov %%cr4, %0\n\tor %1, %0\n\tmov %0, %%cr4" : "=&r"(base) : "i"(CR4_MCE));
}

// The local APIC, which core has set up, is the source of all interrupts; here they are only ended (SDM 3A 11.8.5), and
// a panic stops the other CPUs by NMI (11.6).
enum { APIC_EOI = 0xB0, APIC_ICR = 0x300, APIC_ICR_HIGH = 0x310, ICR_NMI = 0x4400, ICR_PENDING = 0x1000 };
#define APIC_REGISTER(offset) (*(volatile u32 *)(APIC_WINDOW + (offset)))
void write_apic(u32 offset, u64 value) {
  if (apic_mode == APIC_XAPIC) APIC_REGISTER(offset) = value;
  else if (apic_mode == APIC_X2APIC) write_msr(0x800 + offset / 16, value);
}

// To one CPU: those that Basalt does not run may have no handler.
static void send_nmi(u32 apic_id) {
  if (apic_mode == APIC_XAPIC) APIC_REGISTER(APIC_ICR_HIGH) = apic_id << 24;
  write_apic(APIC_ICR, (u64)apic_id << 32 | ICR_NMI);
  for (u32 polls = 1 << 16; polls > 0 && apic_mode == APIC_XAPIC && (APIC_REGISTER(APIC_ICR) & ICR_PENDING); polls--)
    __builtin_ia32_pause();
}

static u64 is_stopping SHARED, stopped SHARED; // a bit a CPU that has stopped, by itself or by NMI
u64 processors SHARED;
u32 processor, apic_ids[MAX_CPUS] SHARED;
bool is_panicking;

static _Noreturn void stop(void) {
  __atomic_fetch_or(&stopped, 1ull << processor, __ATOMIC_SEQ_CST);
  while (true) __asm__ volatile("cli\n\thlt");
}

// The bounds are for a CPU that hangs. This one need not be among `processors` yet.
void panic_start(void) {
  bool is_cut = false;
  u64 others = is_panicking ? 0 : __atomic_load_n(&processors, __ATOMIC_SEQ_CST) & ~(1ull << processor);
  if (!is_panicking && __atomic_exchange_n(&is_stopping, 1, __ATOMIC_SEQ_CST)) stop(); // another CPU was first
  // Who prints ends its line, unless that is this CPU: the screen takes no other text in the middle of one.
  for (u32 polls = others ? 1 << 22 : 1; polls > 0 && !is_panicking && (is_cut = !take_console()); polls--)
    __builtin_ia32_pause();
  is_panicking = true;
  for (u64 rest = others; rest != 0; rest &= rest - 1) send_nmi(apic_ids[__builtin_ctzll(rest)]);
  for (u32 polls = 1 << 20; polls > 0 && (others & ~__atomic_load_n(&stopped, __ATOMIC_SEQ_CST)) != 0; polls--)
    __builtin_ia32_pause();
  put(is_cut ? "\n" : "", "basalt: panic: ");
  if (processors > 1 || processor > 0) put("CPU "), put_decimal(processor), put(": ");
}

static _Noreturn void report(struct trap_frame *f) {
  u64 cr2, cr3;
  static bool is_reporting;
  if (is_reporting) finish(RESULT_HOST_EXCEPTION, "host-exception"); // the report itself faults
  is_reporting = true;
  __asm__ volatile("mov %%cr2, %0\n\tmov %%cr3, %1" : "=r"(cr2), "=r"(cr3));
  const char *name = f->vector < FIRST_INTERRUPT ? exception_names[f->vector] : NULL;
  panic_start();
  put(name ? name : "unexpected interrupt", ", vector "), put_decimal(f->vector);
  put(", error code "), put_hex(f->error, 4);
  if (f->vector == PAGE_FAULT) {
    put(f->error & 16 ? ": fetch from " : f->error & 2 ? ": write to " : ": read of "), put_hex(cr2, 16);
    put(f->error & 1 ? ", page present" : ", page not present");
    if (cr2 < PAGE_SIZE) put(": a null pointer");
    if (cr2 < (u64)core_stack_bottom && cr2 >= (u64)core_stack_bottom - 16 * PAGE_SIZE)
      put(": core's stack is exhausted");
    if (cr2 >= INSTANCE_MEMORY(CORE_INSTANCE) && cr2 < INSTANCE_MEMORY(CORE_INSTANCE) + RESERVATION_BYTES)
      put(": beyond core's memory");
  }
  put("\n");
  static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8 ", "r9 ",
                                      "r10", "r11", "r12", "r13", "r14", "r15", "rip", "rfl", "cr2", "cr3"};
  const u64 values[] = {f->rax, f->rbx, f->rcx, f->rdx, f->rsi, f->rdi, f->rbp, f->rsp,    f->r8, f->r9,
                        f->r10, f->r11, f->r12, f->r13, f->r14, f->r15, f->rip, f->rflags, cr2,   cr3};
  for (u32 i = 0; i < sizeof values / sizeof values[0]; i++) {
    put(i % 4 == 0 ? "basalt: panic: " : " ", names[i], "="), put_hex(values[i], 16);
    if (i % 4 == 3) put("\n");
  }
  if (f->rip >= (u64)text_start && f->rip + 16 <= (u64)text_end) {
    put("basalt: panic: code at rip:");
    for (u32 i = 0; i < 16; i++) put(" "), put_hex(((u8 *)f->rip)[i], 2);
    put("\n");
  }
  if (f->vector == MACHINE_CHECK) panic_at(RESULT_MACHINE_CHECK, "machine-check", f->rip, f->rbp);
  panic_at(RESULT_HOST_EXCEPTION, "host-exception", f->rip, f->rbp);
}

void trap_dispatch(struct trap_frame *f) {
  if (f->vector >= FIRST_INTERRUPT) {
    if (f->vector != SPURIOUS_VECTOR) write_apic(APIC_EOI, 0);
    if (f->vector == MAIL_VECTOR) *work_word |= WORK_MAIL;
    if (f->vector == TIMER_VECTOR) *work_word |= WORK_TICK, vmm_timer_tick(f);
    return;
  }
  if (f->vector == NMI) {
    if (is_stopping) stop();
    nmi_count++;
    return;
  }
  if (f->vector == GENERAL_PROTECTION && f->rip == (u64)try_rdmsr_instruction) {
    f->rip = (u64)try_rdmsr_fault;
    return;
  }
  if (vmm_is_running() && f->vector != MACHINE_CHECK && f->vector != DOUBLE_FAULT) {
    u64 cr2;
    __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    u32 kind = f->vector == PAGE_FAULT ? vmm_fault_kind(cr2, f->error & 1) : VMM_TRAP_EXCEPTION;
    if (kind == VMM_POPULATED) {
      __asm__ volatile("mov %0, %%cr2" : : "r"(vmm_guest_cr2));
      return;
    }
    // A stack runs out in whatever function comes last, also in one of the runtime's.
    if (vmm_code_holds(f->rip) || kind == VMM_TRAP_STACK_EXHAUSTED)
      return vmm_unwind(f, kind, f->vector == PAGE_FAULT ? cr2 : f->vector);
  }
  report(f);
}
