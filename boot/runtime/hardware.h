// The imports of core (hv/core/hardware.ts): one short function each, inlined into core's code. Longer ones are in
// core_unit.c, vmm.c and terminal_unit.c; wasm2c's core_module.h declares them all.
#pragma once
#include "runtime.h"

// What core's instance holds for its imports: the base of its memory itself.
struct w2c_hardware {
  u8 memory[1];
};

enum { VM_SUCCEED, VM_FAIL_INVALID, VM_FAIL_VALID };

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
IMPORT(u32, rdtscLow) { return read_tsc(); }

IMPORT(u64, readControlRegister, u32 n) {
  u64 cr0, cr3, cr4;
  __asm__ volatile("mov %%cr0, %0\n\tmov %%cr3, %1\n\tmov %%cr4, %2" : "=r"(cr0), "=r"(cr3), "=r"(cr4));
  return n == 0 ? cr0 : n == 3 ? cr3 : cr4;
}
IMPORT(void, writeControlRegister, u32 n, u64 value) {
  if (n == 0)
    __asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
  else if (n == 4)
    __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

// SDM 3C 31.2: CF says VMfailInvalid, ZF VMfailValid.
#define VMX_STATUS(instruction, ...)                                                                                   \
  ({                                                                                                                   \
    bool invalid, valid;                                                                                               \
    __asm__ volatile(instruction : "=@ccc"(invalid), "=@ccz"(valid) : __VA_ARGS__ : "memory");                         \
    invalid ? VM_FAIL_INVALID : valid ? VM_FAIL_VALID : VM_SUCCEED;                                                    \
  })

IMPORT(u32, vmxon, u64 hpa) { return VMX_STATUS("vmxon %2", "m"(hpa)); }
IMPORT(u32, vmclear, u64 hpa) { return VMX_STATUS("vmclear %2", "m"(hpa)); }
IMPORT(u32, vmptrld, u64 hpa) { return VMX_STATUS("vmptrld %2", "m"(hpa)); }
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
IMPORT(u32, invept, u32 type, u64 eptp) {
  u64 descriptor[2] = {eptp, 0};
  return VMX_STATUS("invept %2, %3", "m"(descriptor), "r"((u64)type));
}
IMPORT(u32, invvpid, u32 type, u32 vpid, u64 address) {
  u64 descriptor[2] = {(u16)vpid, address};
  return VMX_STATUS("invvpid %2, %3", "m"(descriptor), "r"((u64)type));
}

// vmx.asm's vmx_enter keeps no register, so that the compiler saves just those that are live here.
IMPORT(u32, vmEnter, u32 registers_end, u32 launched) {
  u64 end = (u64)h->memory + registers_end;
  u32 outcome;
  __asm__ volatile("push %%rbp\n\tcall vmx_enter\n\tpop %%rbp"
                   : "=a"(outcome), "+D"(end), "+S"(launched)
                   :
                   : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
  return outcome;
}

// Lets pending interrupts in: they come on IST stacks, are acknowledged, and leave.
IMPORT(void, openInterruptWindow) { __asm__ volatile("sti\n\tnop\n\tcli" : : : "memory"); }
// An NMI that made a guest exit leaves NMIs blocked until an IRET (SDM 3C 27.5.5): the handler of this one ends in one.
IMPORT(void, unblockNmis) { __asm__ volatile("int $2" : : : "memory"); }

IMPORT(u64, physicalBase) { return (u64)core_memory_start; }
IMPORT(u64, memoryBase) { return (u64)h->memory; }
IMPORT(u64, imageStart) { return (u64)image_start; }
IMPORT(u64, imageEnd) { return (u64)image_end; }
IMPORT(void, hostState, u32 out) { host_state_read(&AT(struct host_state, out)); }
IMPORT(void, consoleWrite, u32 text, u32 length) { console_write(&AT(u8, text), length); }
IMPORT(u32, hasSerial) { return !serial_is_absent; }
IMPORT(void, setPowerOff, u32 pm1a, u32 pm1a_value, u32 pm1b, u32 pm1b_value) {
  power_off_ports = (struct power_off_ports){pm1a, pm1a_value, pm1b, pm1b_value};
}

IMPORT(void, vmmTrap, u32 out) { AT(struct vmm_trap_record, out) = vmm_trap_record; }
