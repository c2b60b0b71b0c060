// The imports of core (hv/core/hardware.ts): one short function each, inlined into core's code.
#pragma once
#include "runtime.h"
#include "vmm.h"

// What core's instance holds for its imports: the base of its memory itself.
struct w2c_hardware {
  u8 memory[1];
};

enum { VM_SUCCEED, VM_FAIL_INVALID, VM_FAIL_VALID };

_Noreturn void vmcs_access_failed(const char *instruction, u32 field);
bool try_rdmsr(u32 index, u64 *value);
u32 read_physical(u64 physical, u8 *to, u32 length);

static inline void w2c_hardware_cpuid(struct w2c_hardware *h, u32 leaf, u32 subleaf, u32 out) {
  u64 *r = (u64 *)(h->memory + out); // the order of the registers in the vCPU page
  u32 eax, ebx, ecx, edx;
  __asm__ volatile("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(leaf), "c"(subleaf));
  r[0] = eax;
  r[1] = ecx;
  r[2] = edx;
  r[3] = ebx;
}

static inline u64 w2c_hardware_rdmsr(struct w2c_hardware *h, u32 index) { return (void)h, read_msr(index); }
static inline u32 w2c_hardware_tryRdmsr(struct w2c_hardware *h, u32 index, u32 out) {
  return try_rdmsr(index, (u64 *)(h->memory + out));
}
static inline void w2c_hardware_wrmsr(struct w2c_hardware *h, u32 index, u64 value) { (void)h, write_msr(index, value); }
static inline u64 w2c_hardware_rdtsc(struct w2c_hardware *h) { return (void)h, read_tsc(); }
static inline u32 w2c_hardware_rdtscLow(struct w2c_hardware *h) {
  (void)h;
  u32 low;
  __asm__ volatile("rdtsc" : "=a"(low) : : "rdx");
  return low;
}

static inline u64 w2c_hardware_readControlRegister(struct w2c_hardware *h, u32 n) {
  (void)h;
  u64 value = 0;
  switch (n) {
  case 0: __asm__ volatile("mov %%cr0, %0" : "=r"(value)); break;
  case 3: __asm__ volatile("mov %%cr3, %0" : "=r"(value)); break;
  case 4: __asm__ volatile("mov %%cr4, %0" : "=r"(value)); break;
  }
  return value;
}

static inline void w2c_hardware_writeControlRegister(struct w2c_hardware *h, u32 n, u64 value) {
  (void)h;
  switch (n) {
  case 0: __asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory"); break;
  case 4: __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory"); break;
  }
}

// SDM 3C 31.2: CF says VMfailInvalid, ZF VMfailValid.
#define VMX_STATUS(instruction, ...)                                                                                   \
  ({                                                                                                                   \
    bool invalid, valid;                                                                                               \
    __asm__ volatile(instruction : "=@ccc"(invalid), "=@ccz"(valid) : __VA_ARGS__ : "memory");                         \
    invalid ? VM_FAIL_INVALID : valid ? VM_FAIL_VALID : VM_SUCCEED;                                                    \
  })

static inline u32 w2c_hardware_vmxon(struct w2c_hardware *h, u64 hpa) { return (void)h, VMX_STATUS("vmxon %2", "m"(hpa)); }
static inline u32 w2c_hardware_vmclear(struct w2c_hardware *h, u64 hpa) {
  return (void)h, VMX_STATUS("vmclear %2", "m"(hpa));
}
static inline u32 w2c_hardware_vmptrld(struct w2c_hardware *h, u64 hpa) {
  return (void)h, VMX_STATUS("vmptrld %2", "m"(hpa));
}
static inline u32 w2c_hardware_vmxoff(struct w2c_hardware *h) { return (void)h, VMX_STATUS("vmxoff", "i"(0)); }

// An access that fails here is a defect of core's own: it ends the run with the field's encoding and a backtrace.
static inline u64 w2c_hardware_vmread(struct w2c_hardware *h, u32 field) {
  (void)h;
  u64 value;
  __asm__ goto("vmread %1, %0\n\tjbe %l2" : "=r"(value) : "r"((u64)field) : "cc" : failed);
  return value;
failed:
  vmcs_access_failed("VMREAD", field);
}

static inline void w2c_hardware_vmwrite(struct w2c_hardware *h, u32 field, u64 value) {
  (void)h;
  __asm__ goto("vmwrite %0, %1\n\tjbe %l2" : : "r"(value), "r"((u64)field) : "cc" : failed);
  return;
failed:
  vmcs_access_failed("VMWRITE", field);
}

static inline u32 w2c_hardware_tryVmread(struct w2c_hardware *h, u32 field, u32 out) {
  u64 value = 0;
  bool invalid, valid;
  __asm__ volatile("vmread %3, %2" : "=@ccc"(invalid), "=@ccz"(valid), "+r"(value) : "r"((u64)field));
  *(u64 *)(h->memory + out) = value;
  return invalid ? VM_FAIL_INVALID : valid ? VM_FAIL_VALID : VM_SUCCEED;
}

static inline u32 w2c_hardware_tryVmwrite(struct w2c_hardware *h, u32 field, u64 value) {
  return (void)h, VMX_STATUS("vmwrite %2, %3", "r"(value), "r"((u64)field));
}

static inline u32 w2c_hardware_invept(struct w2c_hardware *h, u32 type, u64 eptp) {
  (void)h;
  u64 descriptor[2] = {eptp, 0};
  return VMX_STATUS("invept %2, %3", "m"(descriptor), "r"((u64)type));
}

static inline u32 w2c_hardware_invvpid(struct w2c_hardware *h, u32 type, u32 vpid, u64 address) {
  (void)h;
  u64 descriptor[2] = {(u16)vpid, address};
  return VMX_STATUS("invvpid %2, %3", "m"(descriptor), "r"((u64)type));
}

// vmx.asm's vmx_enter keeps no register, so that the compiler saves just those that are live here.
static inline u32 w2c_hardware_vmEnter(struct w2c_hardware *h, u32 registers_end, u32 launched) {
  u64 end = (u64)h->memory + registers_end;
  u32 outcome;
  __asm__ volatile("push %%rbp\n\tcall vmx_enter\n\tpop %%rbp"
                   : "=a"(outcome), "+D"(end), "+S"(launched)
                   :
                   : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
  return outcome;
}

// Lets pending interrupts in: they come on IST stacks, are acknowledged, and leave.
static inline void w2c_hardware_openInterruptWindow(struct w2c_hardware *h) {
  (void)h;
  __asm__ volatile("sti\n\tnop\n\tcli" : : : "memory");
}

// An NMI that made a guest exit leaves NMIs blocked until an IRET (SDM 3C 27.5.5): the handler of this one ends in one.
static inline void w2c_hardware_unblockNmis(struct w2c_hardware *h) {
  (void)h;
  __asm__ volatile("int $2" : : : "memory");
}

static inline u32 w2c_hardware_in8(struct w2c_hardware *h, u32 port) { return (void)h, in8(port); }
static inline void w2c_hardware_out8(struct w2c_hardware *h, u32 port, u32 value) { (void)h, out8(port, value); }
static inline u32 w2c_hardware_in16(struct w2c_hardware *h, u32 port) {
  (void)h;
  u16 value;
  __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"((u16)port));
  return value;
}

static inline u32 w2c_hardware_readPhysical(struct w2c_hardware *h, u64 physical, u32 to, u32 length) {
  return read_physical(physical, h->memory + to, length);
}
static inline u64 w2c_hardware_physicalBase(struct w2c_hardware *h) { return (void)h, (u64)core_memory_start; }
static inline u64 w2c_hardware_memoryBase(struct w2c_hardware *h) { return (u64)h->memory; }
static inline u64 w2c_hardware_imageStart(struct w2c_hardware *h) { return (void)h, (u64)image_start; }
static inline u64 w2c_hardware_imageEnd(struct w2c_hardware *h) { return (void)h, (u64)image_end; }
static inline void w2c_hardware_hostState(struct w2c_hardware *h, u32 out) {
  host_state_read((struct host_state *)(h->memory + out));
}

static inline void w2c_hardware_consoleWrite(struct w2c_hardware *h, u32 text, u32 length) {
  serial_write(h->memory + text, length);
}

static inline u32 w2c_hardware_vmmMap(struct w2c_hardware *h, u32 vm, u64 address, u64 physical, u64 bytes) {
  return (void)h, vmm_map(vm, address, physical, bytes);
}
static inline u32 w2c_hardware_vmmInstantiate(struct w2c_hardware *h, u32 vm) { return (void)h, vmm_instantiate(vm); }
static inline u64 w2c_hardware_vmmCall(struct w2c_hardware *h, u32 vm, u32 entry, u32 argument) {
  return (void)h, vmm_call(vm, entry, argument);
}
static inline void w2c_hardware_vmmTrap(struct w2c_hardware *h, u32 out) {
  *(struct vmm_trap_record *)(h->memory + out) = vmm_trap_record;
}

u32 w2c_hardware_symbolAt(struct w2c_hardware *h, u64 address, u32 out, u32 capacity);
void w2c_hardware_setPowerOff(struct w2c_hardware *h, u32 pm1a, u32 pm1a_value, u32 pm1b, u32 pm1b_value);
_Noreturn void w2c_hardware_finish(struct w2c_hardware *h, u32 result, u32 name);
