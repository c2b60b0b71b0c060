// The imports of core (hv/core/hardware.ts): one short function each, inlined into core's code. Longer ones are in
// core_unit.c, vmm.c and terminal_unit.c; wasm2c's core_module.h declares them all.
#pragma once
#include "runtime.h"

struct w2c_hardware { u8 memory[1]; }; // what core's instance holds for its imports: the base of its memory itself

enum { VM_SUCCEED, VM_FAIL_INVALID, VM_FAIL_VALID };
extern u8 vmx_exit[], vm_mirror[], trampoline_start[], trampoline_end[]; // vm_entry.asm, entry.asm
// What the functions of assembly keep no register of: so the compiler saves just those that are live at the call.
#define LOST "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory"
#define CALL(function) "push %%rbp\n\tcall " function "\n\tpop %%rbp"

_Noreturn void vmcs_access_failed(const char *instruction, u32 field);
bool try_rdmsr(u32 index, u64 *value);

// `h` is the base of core's memory: what an import's pointers are relative to.
#define IMPORT(type, name, ...)                                                                                        \
  static inline type w2c_hardware_##name(struct w2c_hardware *h __attribute__((unused)), ##__VA_ARGS__)
#define AT(type, pointer) (*(type *)(h->memory + (pointer)))

IMPORT(void, cpuid, u32 leaf, u32 subleaf, u32 out) {
  u64 *r = &AT(u64, out); // the order of the registers in the vCPU page; CPUID clears their high halves
  __asm__ volatile("cpuid" : "=a"(r[0]), "=c"(r[1]), "=d"(r[2]), "=b"(r[3]) : "a"(leaf), "c"(subleaf));
}

IMPORT(u64, rdmsr, u32 index) { return read_msr(index); }
IMPORT(u32, tryRdmsr, u32 index, u32 out) { return try_rdmsr(index, &AT(u64, out)); }
IMPORT(void, wrmsr, u32 index, u64 value) { write_msr(index, value); }
IMPORT(u64, rdtsc) { return read_tsc(); }
IMPORT(u64, rdrand) { u64 bits; bool ok; __asm__ volatile("rdrand %0" : "=r"(bits), "=@ccc"(ok)); return ok ? bits : 0; }
IMPORT(u32, rdtscLow) { u32 low; __asm__ volatile("rdtsc" : "=a"(low) : : "rdx"); return low; }

// Registers by the numbers of hv/core/hardware.ts.
#define READ(n, instruction) case n: __asm__ volatile(instruction " %0" : "=r"(value)); break
#define WRITE(n, name) case n: __asm__ volatile("mov %0, %%" name : : "r"(value) : "memory"); break
#define ON_WRITABLE(DO, before, after)                                                                                 \
  DO(8, before "cr0" after); DO(10, before "cr4" after); DO(13, before "cr2" after); DO(14, before "dr0" after);       \
  DO(15, before "dr1" after); DO(16, before "dr2" after); DO(17, before "dr3" after); DO(18, before "dr6" after)
IMPORT(u64, readRegister, u32 n) {
  u64 value = 0;
  switch (n) {
    READ(0, "mov %%es,"); READ(1, "mov %%cs,"); READ(2, "mov %%ss,"); READ(3, "mov %%ds,");
    READ(4, "mov %%fs,"); READ(5, "mov %%gs,"); READ(6, "sldt"); READ(7, "str"); READ(9, "mov %%cr3,");
    READ(11, "mov %%dr7,"); READ(12, "pushfq\n\tpop"); ON_WRITABLE(READ, "mov %%", ",");
  }
  return value;
}
IMPORT(void, writeRegister, u32 n, u64 value) { switch (n) { ON_WRITABLE(WRITE, , ); } }
IMPORT(void, tableRegisters, u32 out) { __asm__ volatile("sgdt 6(%0); sidt 22(%0)" : : "r"(&AT(u8, out)) : "memory"); }
IMPORT(u64, segmentDescriptor, u32 selector) {
  u32 rights = 0, limit = 0;
  __asm__("lar %2, %0\n\tlsl %2, %1" : "+&r"(rights), "+&r"(limit) : "r"(selector) : "cc", "memory");
  return (u64)limit << 32 | rights;
}

// SDM 3C 31.2: CF says VMfailInvalid, ZF VMfailValid.
#define VMX_STATUS(instruction, ...)                                                                                   \
  ({                                                                                                                   \
    bool invalid, valid;                                                                                               \
    __asm__ volatile(instruction : "=@ccc"(invalid), "=@ccz"(valid) : __VA_ARGS__ : "memory");                         \
    invalid ? VM_FAIL_INVALID : valid ? VM_FAIL_VALID : VM_SUCCEED;                                                    \
  })

#define OF_REGION(name) IMPORT(u32, name, u64 hpa) { return VMX_STATUS(#name " %2", "m"(hpa)); }
OF_REGION(vmxon) OF_REGION(vmclear) OF_REGION(vmptrld)
IMPORT(u32, vmxoff) { return VMX_STATUS("vmxoff", "i"(0)); }

// An access that fails here is a defect of core's own: it ends the run with the field's encoding and a backtrace.
IMPORT(u64, vmread, u32 field) {
  u64 value;
  __asm__ goto("vmread %1, %0\n\tjbe %l2" : "=r"(value) : "r"((u64)field) : "cc" : failed);
  return value;
failed:
  vmcs_access_failed("VMREAD", field);
}
IMPORT(void, vmwrite, u32 field, u64 value) {
  __asm__ goto("vmwrite %0, %1\n\tjbe %l2" : : "r"(value), "r"((u64)field) : "cc" : failed);
  return;
failed:
  vmcs_access_failed("VMWRITE", field);
}

IMPORT(u32, tryVmread, u32 field, u32 out) {
  AT(u64, out) = 0;
  return VMX_STATUS("vmread %3, %2", "m"(AT(u64, out)), "r"((u64)field));
}
IMPORT(u32, tryVmwrite, u32 field, u64 value) { return VMX_STATUS("vmwrite %2, %3", "r"(value), "r"((u64)field)); }
static inline u32 invalidate_ept(u64 t, u64 d[2]) { return VMX_STATUS("invept %2, %3", "m"(*(u64(*)[2])d), "r"(t)); }
static inline u32 invalidate_vpid(u64 t, u64 d[2]) { return VMX_STATUS("invvpid %2, %3", "m"(*(u64(*)[2])d), "r"(t)); }
IMPORT(u32, invept, u32 type, u64 eptp) { return invalidate_ept(type, (u64[2]){eptp}); }
IMPORT(u32, invvpid, u32 type, u32 vpid, u64 address) { return invalidate_vpid(type, (u64[2]){(u16)vpid, address}); }

IMPORT(u32, vmEnter, u32 registers_end, u32 launched) {
  u64 end = (u64)h->memory + registers_end;
  u32 outcome, lost;
  __asm__ volatile(CALL("vmx_enter") : "=a"(outcome), "+D"(end), "=S"(lost) : "S"(launched) : "rcx", "rdx", LOST);
  return outcome;
}
IMPORT(void, svmEnter, u32 registers_end, u64 vmcb, u64 host) {
  u64 end = (u64)h->memory + registers_end;
  __asm__ volatile(CALL("svm_enter") : "+D"(end), "+S"(vmcb), "+d"(host) : : "rax", "rcx", LOST);
}
IMPORT(void, vmsave, u64 hpa) { __asm__ volatile("vmsave" : : "a"(hpa) : "memory"); }

// The u32 answer of the vmm's entry, or 1 << 32 | kind where it was stopped.
IMPORT(u64, vmmCall, u32 vm, u32 entry, u32 argument) {
  if (vm >= MAX_VMS || entry >= VMM_ENTRIES) return 1ull << 32 | VMM_TRAP_INDIRECT_CALL;
  vmm_running = vm;
  vmm_timer_ticks = (entry != VMM_ENTRY_EXIT) << 16, vmm_budget_is_spent = 0;
  __asm__ volatile("mov %%cr2, %0" : "=r"(vmm_guest_cr2));
  u64 answer = (u64)vmm_entries[entry], instance = INSTANCE_STATE(VMM_INSTANCE(vm));
  __asm__ volatile(CALL("vmm_enter") : "+a"(answer), "+D"(instance), "+S"(argument) : : "rcx", "rdx", LOST);
  return answer;
}
IMPORT(u64, readGuest, u32 vm, u32 address) { return *(u64 *)(INSTANCE_MEMORY(VMM_INSTANCE(vm % MAX_VMS)) + address); }
#define PORT(bits) IMPORT(u32, in##bits, u32 port) { return in##bits(port); }                                          \
  IMPORT(void, out##bits, u32 port, u32 value) { out##bits(port, value); }
PORT(8) PORT(16) PORT(32)

#define PLAIN(name, code) IMPORT(void, name) { __asm__ volatile(code : : : "rcx", "cc", "memory"); }
// Lets pending interrupts in: they come on IST stacks, are acknowledged, and leave.
PLAIN(openInterruptWindow, "sti\n\tnop\n\tcli")
// An NMI that made a guest exit leaves NMIs blocked until an IRET (SDM 3C 27.5.5): the handler of this one ends in one.
PLAIN(unblockNmis, "int $2")
PLAIN(wbinvd, "wbinvd")
PLAIN(relax, "pause\n\tsti\n\tnop\n\tcli")
PLAIN(waitForInterrupt, "sti\n\thlt\n\tcli") // an interrupt that is pending already comes behind the HLT, and ends it
PLAIN(clearBuffers, "push $0x10\n\tverw (%%rsp)\n\tpop %%rcx") // VERW's form with a register need not clear them
// 32 calls that never return; what predicts a return from them meets the INT3.
PLAIN(fillReturnStack, "mov $16, %%ecx\n1: call 2f\n int3\n2: call 3f\n int3\n3: loop 1b\n add $256, %%rsp")

// The save area of XSAVE, with the state components of `mask`, or of FXSAVE, which takes no mask.
#define ON_AREA(name, code) IMPORT(void, name, u32 area, u64 mask) {                                                   \
  __asm__ volatile(code " %0" : "+m"(AT(u8, area)) : "a"((u32)mask), "d"((u32)(mask >> 32)) : "memory"); }
ON_AREA(xsave, "xsave64") ON_AREA(xsaveopt, "xsaveopt64") ON_AREA(xrstor, "xrstor64")
ON_AREA(fxsave, "fxsave64") ON_AREA(fxrstor, "fxrstor64")
IMPORT(u64, xgetbv) { u32 a, d; __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0)); return (u64)d << 32 | a; }
IMPORT(void, xsetbv, u64 value) { __asm__ volatile("xsetbv" : : "c"(0), "a"((u32)value), "d"((u32)(value >> 32))); }

// A byte of physical memory or of a device's registers, by the window of one page. Core keeps to the CPU's addresses.
static volatile void *window_to(u64 physical, u32 flags) {
  paging_map(MEMORY_WINDOW, physical & ~(PAGE_SIZE - 1), PAGE_SIZE, flags);
  return (u8 *)MEMORY_WINDOW + physical % PAGE_SIZE;
}
IMPORT(void, readPhysical, u64 physical, u32 to, u32 length) {
  for (u64 part; length > 0; physical += part, to += part, length -= part) {
    part = PAGE_SIZE - physical % PAGE_SIZE < length ? PAGE_SIZE - physical % PAGE_SIZE : length;
    __builtin_memcpy(&AT(u8, to), (u8 *)window_to(physical, PAGE_READ), part);
  }
  window_to((u64)image_start, PAGE_READ); // harmless to be left there
}
// What is written of the image, as it is on this CPU, for another one: in memory from `replica` on, where that CPU will
// have it when it starts at the trampoline in `page`. Only the first CPU's image lies where it is mapped.
IMPORT(void, cloneTo, u32 number, u64 replica, u64 page) {
  processor = number;
  replica_offset = replica - (u64)writable_start;
  memcpy((u8 *)window_to(page, PAGE_WRITE), trampoline_start, trampoline_end - trampoline_start);
  for (u64 at = (u64)writable_start; at < (u64)writable_end; at += LARGE_PAGE_SIZE) {
    paging_map(BLOCK_WINDOW, at, LARGE_PAGE_SIZE, PAGE_READ); // guard pages are mapped here only
    paging_map(BLOCK_WINDOW + LARGE_PAGE_SIZE, at + replica_offset, LARGE_PAGE_SIZE, PAGE_WRITE);
    memcpy((u8 *)BLOCK_WINDOW + LARGE_PAGE_SIZE, (u8 *)BLOCK_WINDOW, LARGE_PAGE_SIZE);
  }
  paging_map(BLOCK_WINDOW, 0, 2 * LARGE_PAGE_SIZE, 0); // INVLPG serializes: the copy is complete before a CPU starts
  processor = 0;
}
IMPORT(void, zeroBlock, u64 physical) {
  paging_map(BLOCK_WINDOW, physical, LARGE_PAGE_SIZE, PAGE_WRITE);
  memset((void *)BLOCK_WINDOW, 0, LARGE_PAGE_SIZE);
  paging_map(BLOCK_WINDOW, physical, LARGE_PAGE_SIZE, 0);
}
IMPORT(u32, readDevice32, u64 physical) { return *(volatile u32 *)window_to(physical, PAGE_UNCACHED); }
IMPORT(void, writeDevice32, u64 physical, u32 value) { *(volatile u32 *)window_to(physical, PAGE_UNCACHED) = value; }
IMPORT(void, writePhysical8, u64 physical, u32 value) { *(u8 *)window_to(physical, PAGE_WRITE) = (u8)value; }
IMPORT(void, setWorkWord, u32 word) { work_word = &AT(u32, word); }
IMPORT(void, setLocalApic, u32 mode, u64 base, u32 id) {
  if (mode == APIC_XAPIC) paging_map(APIC_WINDOW, base, PAGE_SIZE, PAGE_UNCACHED);
  apic_mode = mode;
  apic_ids[processor] = id;
  __atomic_fetch_or(&processors, 1ull << processor, __ATOMIC_SEQ_CST);
}
IMPORT(void, setTimerCount, u32 count) { write_apic(0x380, count); } // SDM 3A 11.5.4: the initial count
#define WORD(word) (&shared_words[(word) % SHARED_WORDS])
IMPORT(u64, sharedLoad, u32 word) { return __atomic_load_n(WORD(word), __ATOMIC_ACQUIRE); }
IMPORT(void, sharedStore, u32 word, u64 value) { __atomic_store_n(WORD(word), value, __ATOMIC_RELEASE); }
IMPORT(u64, sharedExchange, u32 word, u64 value) { return __atomic_exchange_n(WORD(word), value, __ATOMIC_SEQ_CST); }
IMPORT(u64, sharedOr, u32 word, u64 bits) { return __atomic_fetch_or(WORD(word), bits, __ATOMIC_SEQ_CST); }
IMPORT(u64, sharedCompareExchange, u32 word, u64 expected, u64 value) {
  __atomic_compare_exchange_n(WORD(word), &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return expected;
}
#define ANSWER(name, value) IMPORT(u64, name) { return (u64)(value); }
ANSWER(physicalBase, paging_physical(core_memory_start)) ANSWER(memoryBase, h->memory) ANSWER(vmExitAddress, vmx_exit)
ANSWER(imageStart, image_start) ANSWER(imageEnd, image_end) ANSWER(mirrorAddress, vm_mirror) ANSWER(nmiCount, nmi_count)
ANSWER(processorNumber, processor) ANSWER(replicaBytes, writable_end - writable_start)
IMPORT(void, consoleWrite, u32 text, u32 length) { console_write(&AT(u8, text), length); }
IMPORT(u32, hasSerial) { return !serial_is_absent; }
IMPORT(void, setSerial, u32 is_there) { serial_is_absent = !is_there; }
IMPORT(void, setEndSteps, u32 steps) { __builtin_memcpy(end_steps, &AT(u8, steps), sizeof end_steps); }
IMPORT(void, endMachine) { end_machine(); }
IMPORT(void, vmmTrap, u32 out) { AT(struct vmm_trap_record, out) = vmm_trap_record; }
