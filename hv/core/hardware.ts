// What core may ask of the machine: each function is one privileged instruction or one service of boot/runtime.
// Pointers (`usize`) are into core's own memory. Sections are of the Intel SDM.

/** A VMX instruction's outcome (SDM 3C 31.2). */
export const VM_SUCCEED: u32 = 0;
export const VM_FAIL_INVALID: u32 = 1;
export const VM_FAIL_VALID: u32 = 2;

/** CPUID: writes EAX, ECX, EDX and EBX to `out` as four u64: the order of the registers in the vCPU page. */
export declare function cpuid(leaf: u32, subleaf: u32, out: usize): void;
/** RDMSR. An MSR that the CPU does not have is a host exception: ask CPUID or a capability first. */
export declare function rdmsr(index: u32): u64;
/** RDMSR of an MSR that may be missing: writes the value to `out` and returns 1, or returns 0. */
export declare function tryRdmsr(index: u32, out: usize): u32;
/** WRMSR to an MSR that exists, of a value that it takes; else a host exception. */
export declare function wrmsr(index: u32, value: u64): void;
/** The time-stamp counter. */
export declare function rdtsc(): u64;
/** RDRAND, which CPUID shows: 64 random bits, or 0 where the processor has none now. */
export declare function rdrand(): u64;
/** Its low half: enough for what takes less than 4 billion ticks, and half the instructions. */
export declare function rdtscLow(): u32;

// The numbers of readRegister, and of writeRegister where it says so. Segment registers are in the order of their VMCS fields.
export const REGISTER_ES: u32 = 0;
export const REGISTER_CS: u32 = 1;
export const REGISTER_SS: u32 = 2;
export const REGISTER_DS: u32 = 3;
export const REGISTER_FS: u32 = 4;
export const REGISTER_GS: u32 = 5;
export const REGISTER_LDTR: u32 = 6;
export const REGISTER_TR: u32 = 7;
export const REGISTER_CR0: u32 = 8;
export const REGISTER_CR3: u32 = 9;
export const REGISTER_CR4: u32 = 10;
export const REGISTER_DR7: u32 = 11;
export const REGISTER_RFLAGS: u32 = 12;
export const REGISTER_CR2: u32 = 13;
export const REGISTER_DR0: u32 = 14;
export const REGISTER_DR1: u32 = 15;
export const REGISTER_DR2: u32 = 16;
export const REGISTER_DR3: u32 = 17;
export const REGISTER_DR6: u32 = 18;
/** A register of the host by its number: MOV, SLDT, STR or PUSHF. A segment register's value is its selector. */
export declare function readRegister(number: u32): u64;
/** MOV to CR0, CR2, CR4, DR0 to DR3 or DR6, of a value that it takes, else a host exception; others stay as they are. */
export declare function writeRegister(number: u32, value: u64): void;
/** XSETBV of XCR0. CR4.OSXSAVE is set, and the value is one that the processor takes; else a host exception. */
export declare function xsetbv(value: u64): void;
/** XGETBV of XCR0. CR4.OSXSAVE is set, else a host exception. */
export declare function xgetbv(): u64;
/**
 * XSAVE of the state components in `mask` that XCR0 has, to the area at `area`: core memory aligned to 64 bytes, and of the
 * size that CPUID leaf 0xD tells.
 */
export declare function xsave(area: usize, mask: u64): void;
/** XSAVEOPT: the same, and components that are in their initial state, or unchanged since XRSTOR, are not written. */
export declare function xsaveopt(area: usize, mask: u64): void;
/** XRSTOR, from an area that is zero or that one of the two wrote. */
export declare function xrstor(area: usize, mask: u64): void;
/** FXSAVE to 512 bytes, aligned to 16; `mask` is not used. */
export declare function fxsave(area: usize, mask: u64): void;
/** FXRSTOR; `mask` is not used. */
export declare function fxrstor(area: usize, mask: u64): void;
/** WBINVD. */
export declare function wbinvd(): void;
/** VERW, which on processors with MD_CLEAR overwrites the buffers that MDS reads. */
export declare function clearBuffers(): void;
/** Fills the return stack buffer with addresses of Basalt's. */
export declare function fillReturnStack(): void;
/** SGDT and SIDT: writes two TableRegister (hv/core/vmx/host-state.ts) to `out`. */
export declare function tableRegisters(out: usize): void;
/** LAR in the low half, LSL in the high half; 0 where the selector is null or names no such segment. */
export declare function segmentDescriptor(selector: u32): u64;

/** VMXON with the region at `hpa`; VM_SUCCEED, VM_FAIL_INVALID or VM_FAIL_VALID. */
export declare function vmxon(hpa: u64): u32;
/** VMXOFF. */
export declare function vmxoff(): u32;
/** VMCLEAR of the VMCS at `hpa`. */
export declare function vmclear(hpa: u64): u32;
/** VMPTRLD of the VMCS at `hpa`. */
export declare function vmptrld(hpa: u64): u32;
/** VMREAD of a field of the current VMCS; a failure is a defect of core and ends the run with a report. */
export declare function vmread(field: u32): u64;
/** VMWRITE; the same holds. */
export declare function vmwrite(field: u32, value: u64): void;
/** VMREAD that may fail: the value goes to `out`, the outcome is returned. */
export declare function tryVmread(field: u32, out: usize): u32;
/** VMWRITE that may fail. */
export declare function tryVmwrite(field: u32, value: u64): u32;
/** INVEPT (SDM 3C 31.3); types in hv/core/vmx/invalidate.ts. */
export declare function invept(type: u32, eptp: u64): u32;
/** INVVPID. */
export declare function invvpid(type: u32, vpid: u32, linearAddress: u64): u32;
/**
 * VMLAUNCH, or VMRESUME if `launched`, with the registers of the vCPU page that ends at `registersEnd`; returns after the
 * VM exit with VM_SUCCEED, or with the failure of the instruction.
 */
export declare function vmEnter(registersEnd: usize, launched: u32): u32;
/** VMSAVE to the page at `hpa`: what VMLOAD is to bring back of the host's state (APM 2 15.5.1). */
export declare function vmsave(hpa: u64): void;
/**
 * VMRUN of the VMCB at `vmcb`, with GIF 0 around it and all of the guest's state switched: the registers of the vCPU page that
 * ends at `registersEnd`, but for RAX, which is in the VMCB, and by VMLOAD and VMSAVE what those move. The host's part of that
 * is loaded from the page at `host`. Returns after #VMEXIT.
 */
export declare function svmEnter(registersEnd: usize, vmcb: u64, host: u64): void;
/**
 * Eight bytes of the RAM of the VM in `slot` at guest-physical `address`, where they are mapped in its vmm's memory; else a host
 * exception.
 */
export declare function readGuest(slot: u32, address: u32): u64;
/** Takes the interrupts that are pending: their handlers acknowledge them. */
export declare function openInterruptWindow(): void;

// What the CPUs' instances of core share is SHARED_WORDS words of 64 bits (hv/core/processors/shared-words.ts), which are 0
// at start, and nothing else. Each access is atomic; `word` is taken modulo SHARED_WORDS.

/** The value of a shared word. No access behind it is carried out before it (acquire). */
export declare function sharedLoad(word: u32): u64;
/** Writes a shared word. All accesses before it are seen by who sees the value (release); a later load may overtake it. */
export declare function sharedStore(word: u32, value: u64): void;
/** Writes a shared word and returns what it held (XCHG): a full barrier. */
export declare function sharedExchange(word: u32, value: u64): u64;
/** Writes `value` to a shared word that holds `expected`. What it held (LOCK CMPXCHG): a full barrier either way. */
export declare function sharedCompareExchange(word: u32, expected: u64, value: u64): u64;
/** Sets bits of a shared word. What it held before (LOCK OR, or CMPXCHG in a loop): a full barrier. */
export declare function sharedOr(word: u32, bits: u64): u64;
/** One turn of waiting for another CPU: PAUSE, and the interrupts that are pending are taken, as by openInterruptWindow. */
export declare function relax(): void;
/** STI, HLT, CLI: sleeps until an interrupt was taken. One that is pending already ends the sleep at once. */
export declare function waitForInterrupt(): void;

/** Ends the blocking of NMIs that an NMI exit leaves behind, and counts that NMI as the host's (`nmiCount`). */
export declare function unblockNmis(): void;

/** IN of a byte from `port`, 0 to 0xffff; all ones where no device answers. */
export declare function in8(port: u32): u32;
/** IN of 16 bits. */
export declare function in16(port: u32): u32;
/** IN of 32 bits. */
export declare function in32(port: u32): u32;
/** OUT of the low byte of `value` to `port`, 0 to 0xffff. */
export declare function out8(port: u32, value: u32): void;
/** OUT of 32 bits. */
export declare function out32(port: u32, value: u32): void;

/** Copies `length` bytes of physical memory to `to`; all of it below the CPU's MAXPHYADDR, else a host exception. */
export declare function readPhysical(hpa: u64, to: usize, length: u32): void;
/** Writes the low byte of `value` to physical memory; below the CPU's MAXPHYADDR, else a host exception. */
export declare function writePhysical8(hpa: u64, value: u32): void;
/** Reads the 32-bit register of a device at `hpa`, a multiple of 4 below the CPU's MAXPHYADDR, uncached. */
export declare function readDevice32(hpa: u64): u32;
/** Writes such a register. */
export declare function writeDevice32(hpa: u64, value: u32): void;
/**
 * From now on each interrupt of the host's timer sets WORK_TICK (hv/core/vcpu/work.ts) in the u32 at `word`, and each of
 * MAIL_VECTOR WORK_MAIL.
 */
export declare function setWorkWord(word: usize): void;
/**
 * How interrupt handlers reach the local APIC: APIC_* of hv/core/interrupts/local-apic.ts, and xAPIC's page. By its `id` another
 * CPU that panics stops this one from now on.
 */
export declare function setLocalApic(mode: u32, base: u64, id: u32): void;
/**
 * Starts the local APIC's timer, which core has made periodic, with a period of `count` of its own counts (SDM 3A 11.5.4). By the
 * way of setLocalApic: nothing happens before it, or without an APIC.
 */
export declare function setTimerCount(count: u32): void;
/** Which CPU this is: 0 is the one that booted. */
export declare function processorNumber(): u64;
/** What a CPU has of its own of Basalt's image, in bytes: a multiple of 2 MiB. */
export declare function replicaBytes(): u64;
/**
 * Copies all that, as it is now on the CPU that booted, to `hpa`, a multiple of 2 MiB below 4 GiB with replicaBytes behind it, for
 * CPU `number`; and the code that it starts with to `page`, a page below 1 MiB. There it calls `join` of index.ts, once.
 */
export declare function cloneTo(number: u32, hpa: u64, page: u64): void;
/** The host-physical address of core's memory, which is contiguous. */
export declare function physicalBase(): u64;
/** The host-linear address of core's memory. */
export declare function memoryBase(): u64;
/** Where Basalt's image, core's memory included, lies in physical memory. */
export declare function imageStart(): u64;
/** The end of that image: the address behind it. */
export declare function imageEnd(): u64;
/** HOST_RIP: where a VM exit arrives (boot/vm_entry.asm). */
export declare function vmExitAddress(): u64;
/**
 * The code of the guests that mirror the host (boot/vm_entry.asm): RDTSC as often as RCX says, then VMCALL, or with 1 in RBX
 * VMMCALL.
 */
export declare function mirrorAddress(): u64;
/** NMIs that came so far. */
export declare function nmiCount(): u64;

/** Says whether COM1 is there, 1 or 0: only then is anything written to it. Until it is said, the runtime believes so. */
export declare function setSerial(isThere: u32): void;
/** What was said by it. */
export declare function hasSerial(): u32;
/**
 * Opens the screen at `hpa` for all that is printed from now on: `width` x `height` pixels of `bits` bits, in which the
 * masks are the colours, or characters of VGA text where `bits` is SCREEN_TEXT. Its size, or a status (hv/shared/screen.ts).
 */
export declare function openScreen(
  hpa: u64,
  pitch: u32,
  width: u32,
  height: u32,
  bits: u32,
  red: u32,
  green: u32,
  blue: u32,
): u32;
/** Whether a keyboard answers: 1 or 0. */
export declare function hasKeyboard(): u32;
/** The ASCII code of a key that was pressed since, 0 if none was; it does not wait. */
export declare function readKey(): u32;
/** Bytes to COM1 and to the screen, as they are. */
export declare function consoleWrite(text: usize, length: u32): void;
/** The name of the function that holds the host-linear `address`, as ASCII; returns its length, 0 if none does. */
export declare function symbolAt(address: u64, out: usize, capacity: u32): u32;

/** Fills 2 MiB of physical memory at `hpa`, a multiple of 2 MiB below the CPU's MAXPHYADDR, with zeroes. */
export declare function zeroBlock(hpa: u64): void;

/** How vmmMap and coreMap map: the low bits of a page-table entry. NOTHING takes away what was mapped there. */
export const MAP_NOTHING: u32 = 0;
export const MAP_READ_ONLY: u32 = 1;
export const MAP_WRITABLE: u32 = 3;
/**
 * Maps [hpa, hpa + bytes) at `address` of core's own memory, all multiples of 4 KiB, as MAP_* says: behind what the image has
 * for core. 0, or 1 where an argument is out of range, the memory is Basalt's image, or page tables ran out.
 */
export declare function coreMap(address: usize, hpa: u64, bytes: u64, how: u32): u32;
/** The same at `address` of the linear memory of the vmm in `slot`. What was in the memory stays: who maps it has zeroed it. */
export declare function vmmMap(slot: u32, address: u64, hpa: u64, bytes: u64, how: u32): u32;
/** What a vmm's instance takes beside its memory: its structure and its function table (boot/runtime/runtime.h). */
export const VMM_STATE_BYTES: u64 = 5 * 4096;
/**
 * Creates a vmm instance in the memory mapped at 3 GiB, with its state in the VMM_STATE_BYTES at host-physical `state`. An
 * access of the vmm to an address below `ramBytes` where nothing is mapped calls `populate` of index.ts with `ram`. With a
 * `state` of 0 it takes the instance's state away, and without `isNew` it has one here that another CPU made. 0, or 1 where no memory is mapped at 3 GiB, or `state` cannot be mapped.
 */
export declare function vmmInstantiate(slot: u32, state: u64, ramBytes: u64, ram: usize, isNew: u32): u32;
/** Calls an entry of the vmm in `slot`. Its u32 answer, or bit 32 and the kind of trap that stopped it (hv/core/vmm.ts). */
export declare function vmmCall(slot: u32, entry: u32, argument: u32): u64;
/** Writes the VmmTrap record of the last stopped call to `out`. */
export declare function vmmTrap(out: usize): void;

/** What is done at the end, and after a panic: the 16 steps of hv/core/firmware/end-steps.ts at `steps`. */
export declare function setEndSteps(steps: usize): void;
/** Prints the result line, and ends QEMU where it has isa-debug-exit. */
export declare function announceResult(result: u32, name: string): void;
/** Takes the steps of `setEndSteps`, says that the machine is safe to switch off, and halts. Does not return. */
export declare function endMachine(): void;
