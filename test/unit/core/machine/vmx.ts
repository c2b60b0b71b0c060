// The VMX instructions but VM entry: VMXON to INVVPID, with their failures (SDM 3C chapter 31).
import { Capabilities } from "./capabilities.ts";
import { has, isCanonical } from "./bits.ts";
import { eptPointerFailure } from "./control-checks.ts";
import { ByteWriter } from "./byte-writer.ts";
import { GP, HostException, UD } from "./faults.ts";
import { isHighHalf, isReadOnly, supportedFields } from "./fields.ts";
import type { PhysicalMemory } from "./physical-memory.ts";
import type { Processor } from "./processor.ts";
import { msr, vmError } from "./tables.ts";
import { Vmcs } from "./vmcs.ts";

export const VM_SUCCEED = 0;
export const VM_FAIL_INVALID = 1;
export const VM_FAIL_VALID = 2;
export type Outcome = 0 | 1 | 2;

const FEATURE_CONTROL_LOCKED_AND_OUTSIDE_SMX = 5n;
const ADDRESSES_OF_32_BITS = 1n << 48n;
const VMWRITE_ANY_FIELD = 1n << 29n;
const SHADOW_VMCS = 0x80000000;
const RESERVED_BITS_OF_ENCODING = 0xffff9000;
const INVEPT = 1n << 20n;
const INVVPID = 1n << 32n;
/** Where a region's data begins (SDM 3C 25.2), and what stands there of a VMCS that is kept outside of memory. */
const VMCS_DATA = 8n;
const VMCS_MARK = 0x5343_4d56_5343_4d56n;

export class Vmx {
  readonly capabilities: Capabilities;
  readonly processor: Processor;
  readonly memory: PhysicalMemory;
  isOn = false;
  vmxonPointer = 0n;
  current: Vmcs | null = null;
  /** VMREADs and VMWRITEs executed so far. */
  accesses = 0;
  /** What a real CPU would not report, but suffer from. */
  readonly misuses: string[] = [];
  readonly #vmcss = new Map<bigint, Vmcs>();
  /** Those that were made current and not cleared since: the CPU may hold their data. */
  readonly #active = new Set<Vmcs>();
  readonly #fields: ReadonlySet<number>;

  constructor(processor: Processor, memory: PhysicalMemory) {
    this.processor = processor;
    this.memory = memory;
    this.capabilities = new Capabilities(processor.model);
    this.#fields = supportedFields(this.capabilities);
  }

  /** VMfail(error): VMfailValid where a VMCS is current, which keeps the number, else VMfailInvalid (SDM 3C 31.2). */
  fail(error: string): Outcome {
    return this.failWith(vmError(`VM_INSTRUCTION_ERROR_${error}`));
  }

  failWith(error: number): Outcome {
    if (this.current === null) return VM_FAIL_INVALID;
    this.current.set("VM_INSTRUCTION_ERROR", BigInt(error));
    return VM_FAIL_VALID;
  }

  /** An address that a VMX region may have: aligned, and within the CPU's physical addresses. */
  isRegionAddress(address: bigint): boolean {
    const bits = has(this.capabilities.basic, ADDRESSES_OF_32_BITS) ? 32 : this.processor.model.maximumPhysicalAddress;
    return address % 4096n === 0n && address >> BigInt(bits) === 0n;
  }

  vmxon(address: bigint): Outcome {
    const { processor } = this;
    if (!processor.vmxIsEnabled) throw new HostException(UD, "VMXON with CR4.VMXE = 0");
    if (this.isOn) return this.fail("VMXON_IN_VMX_ROOT_OPERATION");
    const features = processor.rdmsr(msr("IA32_FEATURE_CONTROL"));
    const isAllowed = (features & FEATURE_CONTROL_LOCKED_AND_OUTSIDE_SMX) === FEATURE_CONTROL_LOCKED_AND_OUTSIDE_SMX;
    if (!isAllowed || !processor.isFixedRight(0, processor.cr0) || !processor.isFixedRight(4, processor.cr4)) {
      throw new HostException(GP, "VMXON with IA32_FEATURE_CONTROL, CR0 or CR4 as VMX operation does not take them");
    }
    if (!this.isRegionAddress(address) || this.memory.read32(address) !== this.capabilities.revision) {
      return VM_FAIL_INVALID;
    }
    this.isOn = true;
    this.vmxonPointer = address;
    this.current = null;
    processor.isInVmxOperation = true;
    return VM_SUCCEED;
  }

  vmxoff(): Outcome {
    this.#requireVmxOperation("VMXOFF");
    for (const { address } of this.#active) this.misuses.push(`VMXOFF before VMCLEAR of ${address.toString(16)}`);
    this.isOn = false;
    this.current = null;
    this.processor.isInVmxOperation = false;
    return VM_SUCCEED;
  }

  vmclear(address: bigint): Outcome {
    this.#requireVmxOperation("VMCLEAR");
    if (!this.isRegionAddress(address)) return this.fail("VMCLEAR_INVALID_PHYSICAL_ADDRESS");
    if (address === this.vmxonPointer) return this.fail("VMCLEAR_VMXON_POINTER");
    const vmcs = this.#vmcsAt(address);
    vmcs.isLaunched = false;
    this.#active.delete(vmcs);
    if (this.current === vmcs) this.current = null;
    return VM_SUCCEED;
  }

  vmptrld(address: bigint): Outcome {
    this.#requireVmxOperation("VMPTRLD");
    if (!this.isRegionAddress(address)) return this.fail("VMPTRLD_INVALID_PHYSICAL_ADDRESS");
    if (address === this.vmxonPointer) return this.fail("VMPTRLD_VMXON_POINTER");
    const identifier = this.memory.read32(address);
    const mayBeShadow = has(this.capabilities.secondary.ones, 1n << 14n);
    const isRight =
      (identifier & ~SHADOW_VMCS) === this.capabilities.revision && (identifier >>> 31 === 0 || mayBeShadow);
    if (!isRight) return this.fail("VMPTRLD_INCORRECT_REVISION_IDENTIFIER");
    this.current = this.#vmcsAt(address);
    this.#active.add(this.current);
    return VM_SUCCEED;
  }

  /** VMREAD: the outcome and the value. */
  vmread(encoding: number): [Outcome, bigint] {
    this.#requireVmxOperation("VMREAD");
    this.accesses++;
    if (this.current === null) return [VM_FAIL_INVALID, 0n];
    if (!this.#hasField(encoding)) return [this.fail("UNSUPPORTED_VMCS_COMPONENT"), 0n];
    return [VM_SUCCEED, this.current.read(encoding)];
  }

  vmwrite(encoding: number, value: bigint): Outcome {
    this.#requireVmxOperation("VMWRITE");
    this.accesses++;
    if (this.current === null) return VM_FAIL_INVALID;
    if (!this.#hasField(encoding)) return this.fail("UNSUPPORTED_VMCS_COMPONENT");
    if (isReadOnly(encoding) && !has(this.capabilities.misc, VMWRITE_ANY_FIELD)) {
      return this.fail("VMWRITE_READ_ONLY_COMPONENT");
    }
    this.current.write(encoding, value);
    return VM_SUCCEED;
  }

  invept(type: number, eptp: bigint): Outcome {
    this.#requireVmxOperation("INVEPT");
    const { eptVpid } = this.capabilities;
    if (!has(eptVpid, INVEPT)) throw new HostException(UD, "INVEPT on a CPU without it");
    const isSupported = (type === 1 || type === 2) && has(eptVpid, 1n << BigInt(24 + type));
    const isEptpGood = type !== 1 || eptPointerFailure(eptp, this.capabilities, this.#addressBits) === null;
    return isSupported && isEptpGood ? VM_SUCCEED : this.fail("INVALID_OPERAND_TO_INVEPT_OR_INVVPID");
  }

  invvpid(type: number, vpid: number, address: bigint): Outcome {
    this.#requireVmxOperation("INVVPID");
    const { eptVpid } = this.capabilities;
    if (!has(eptVpid, INVVPID)) throw new HostException(UD, "INVVPID on a CPU without it");
    const isSupported = type <= 3 && has(eptVpid, 1n << BigInt(40 + type));
    const isVpidGood = type === 2 || vpid !== 0;
    const isAddressGood = type !== 0 || isCanonical(address);
    const isGood = isSupported && isVpidGood && isAddressGood;
    return isGood ? VM_SUCCEED : this.fail("INVALID_OPERAND_TO_INVEPT_OR_INVVPID");
  }

  get #addressBits(): number {
    return this.processor.model.maximumPhysicalAddress;
  }

  #hasField(encoding: number): boolean {
    if ((encoding & RESERVED_BITS_OF_ENCODING) !== 0) return false;
    return this.#fields.has(isHighHalf(encoding) ? encoding & ~1 : encoding);
  }

  /** The VMCS whose data is in the region, or a new one where software has written over it. */
  #vmcsAt(address: bigint): Vmcs {
    const known = this.#vmcss.get(address);
    if (known && this.memory.read64(address + VMCS_DATA) === VMCS_MARK) return known;
    const vmcs = new Vmcs(address);
    this.#vmcss.set(address, vmcs);
    this.memory.write(address + VMCS_DATA, new ByteWriter().u64(VMCS_MARK).bytes());
    return vmcs;
  }

  #requireVmxOperation(instruction: string): void {
    if (!this.isOn) throw new HostException(UD, `${instruction} outside VMX operation`);
  }
}
