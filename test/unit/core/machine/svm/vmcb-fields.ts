// The guest's state in a VMCB by the names of VMCS fields, so that one script of exits serves both vendors.
import { has } from "../bits.ts";
import type { GuestFields } from "../guest.ts";
import type { Processor } from "../processor.ts";
import { allFields, control, msr, vmcb } from "../tables.ts";
import type { NestedTlb } from "./nested-tlb.ts";
import { SEGMENTS, type VmcbImage } from "./vmcb-image.ts";

const EFER_LMA = 1n << 10n;
const EFER_SVME = 1n << 12n;
const UNUSABLE = 1n << 16n;
const PRESENT = 1n << 7n;
/** Blocking by STI, by MOV SS, and by NMI in the guest's interruptibility state (SDM 3C table 25-3). */
const SHADOWS = 3n;
const NMI_BLOCKING = 8n;
const BRANCH_RECORDS_ARE_SWITCHED = 1n;

interface Access {
  readonly read: () => bigint;
  readonly write?: (value: bigint) => void;
}

/** 64-bit fields that both structures have. */
const SAME: Readonly<Record<string, string>> = {
  GUEST_RIP: "RIP",
  GUEST_RSP: "RSP",
  GUEST_RFLAGS: "RFLAGS",
  GUEST_DR7: "DR7",
  GUEST_IA32_PAT: "G_PAT",
  EPT_POINTER: "N_CR3",
  TSC_OFFSET: "TSC_OFFSET",
};
/** Those whose change makes the processor drop translations, by the guest's own MOV. */
const CONTROL_REGISTERS = ["CR0", "CR3", "CR4"];
/** MSRs that VMLOAD and VMSAVE move, by their names here and in the VMCB. */
export const VMLOAD_MSRS: readonly (readonly [msrName: string, field: string])[] = [
  ["IA32_KERNEL_GS_BASE", "KERNEL_GS_BASE"],
  ["IA32_STAR", "STAR"],
  ["IA32_LSTAR", "LSTAR"],
  ["IA32_CSTAR", "CSTAR"],
  ["IA32_FMASK", "SFMASK"],
  ["IA32_SYSENTER_CS", "SYSENTER_CS"],
  ["IA32_SYSENTER_ESP", "SYSENTER_ESP"],
  ["IA32_SYSENTER_EIP", "SYSENTER_EIP"],
];

const names = new Map(allFields.map(([name, encoding]) => [encoding, name]));

export class VmcbFields implements GuestFields {
  readonly image: VmcbImage;
  /** The guest is in its handler of an NMI: SVM has no field for it. */
  nmisAreBlocked = false;
  readonly #processor: Processor;
  readonly #tlb: NestedTlb;
  readonly #access = new Map<string, Access>();

  constructor(image: VmcbImage, processor: Processor, tlb: NestedTlb) {
    this.image = image;
    this.#processor = processor;
    this.#tlb = tlb;
    for (const [name, field] of Object.entries(SAME)) this.#plain(name, `VMCB_${field}`);
    for (const name of CONTROL_REGISTERS) this.#controlRegister(name);
    for (const name of SEGMENTS) this.#segment(name);
    for (const name of ["GDTR", "IDTR"]) this.#table(name);
    for (const name of ["SYSENTER_CS", "SYSENTER_ESP", "SYSENTER_EIP"]) this.#msr(`GUEST_IA32_${name}`, `IA32_${name}`);
    this.#others();
  }

  get address(): bigint {
    return this.image.address;
  }

  read(encoding: number): bigint {
    return this.get(names.get(encoding) ?? encoding.toString(16));
  }

  get(name: string): bigint {
    return this.#of(name).read();
  }

  set(name: string, value: bigint): void {
    const { write } = this.#of(name);
    if (!write) throw new Error(`a script cannot set ${name} on a CPU with SVM`);
    write(value);
  }

  #of(name: string): Access {
    const access = this.#access.get(name);
    if (!access) throw new Error(`SVM has nothing like ${name}: name the difference, or teach it to VmcbFields`);
    return access;
  }

  #plain(name: string, field: string): void {
    const { image } = this;
    this.#access.set(name, { read: () => image.get(field), write: (value) => image.set(field, value) });
  }

  #controlRegister(name: string): void {
    const { image } = this;
    const field = `VMCB_${name}`;
    const write = (value: bigint): void => {
      const withGlobal = name !== "CR3" && image.get(field) !== value;
      image.set(field, value);
      this.#tlb.dropLinear(Number(image.get("VMCB_GUEST_ASID")), withGlobal);
    };
    this.#access.set(`GUEST_${name}`, { read: () => image.get(field), write });
    // Nothing of a control register is hidden from a guest whose reads of it do not exit.
    if (name === "CR3") return;
    this.#access.set(`${name}_GUEST_HOST_MASK`, { read: () => 0n });
    this.#access.set(`${name}_READ_SHADOW`, { read: () => image.get(field) });
  }

  #segment(name: string): void {
    const { bytes } = this.image;
    const start = vmcb(`VMCB_${name}`);
    const [selector, attributes, limit, base] = ["SELECTOR", "ATTRIBUTES", "LIMIT", "BASE"].map(
      (part) => start + vmcb(`VMCB_SEGMENT_${part}`),
    ) as [number, number, number, number];
    this.#access.set(`GUEST_${name}_SELECTOR`, {
      read: () => BigInt(bytes.readUInt16LE(selector)),
      write: (value) => void bytes.writeUInt16LE(Number(value), selector),
    });
    this.#access.set(`GUEST_${name}_LIMIT`, {
      read: () => BigInt(bytes.readUInt32LE(limit)),
      write: (value) => void bytes.writeUInt32LE(Number(value), limit),
    });
    this.#access.set(`GUEST_${name}_BASE`, {
      read: () => bytes.readBigUInt64LE(base),
      write: (value) => void bytes.writeBigUInt64LE(value, base),
    });
    this.#access.set(`GUEST_${name}_ACCESS_RIGHTS`, {
      read: () => accessRights(BigInt(bytes.readUInt16LE(attributes))),
      write: (value) => {
        bytes.writeUInt16LE(Number(attributesOf(value)), attributes);
        if (name === "SS") this.image.set("VMCB_CPL", (value >> 5n) & 3n);
      },
    });
  }

  #table(name: string): void {
    const { bytes } = this.image;
    const [limit, base] = ["LIMIT", "BASE"].map((part) => vmcb(`VMCB_${name}`) + vmcb(`VMCB_SEGMENT_${part}`)) as [
      number,
      number,
    ];
    this.#access.set(`GUEST_${name}_LIMIT`, {
      read: () => BigInt(bytes.readUInt32LE(limit)),
      write: (value) => void bytes.writeUInt32LE(Number(value), limit),
    });
    this.#access.set(`GUEST_${name}_BASE`, {
      read: () => bytes.readBigUInt64LE(base),
      write: (value) => void bytes.writeBigUInt64LE(value, base),
    });
  }

  #msr(name: string, index: string): void {
    const { msrs } = this.#processor;
    this.#access.set(name, {
      read: () => msrs.get(msr(index)) ?? 0n,
      write: (value) => void msrs.set(msr(index), value),
    });
  }

  #others(): void {
    const { image } = this;
    const shadow = BigInt(vmcb("INTERRUPT_STATE_SHADOW"));
    const all = this.#access;
    all.set("GUEST_INTERRUPTIBILITY_STATE", {
      // SVM does not tell the shadow of MOV SS from that of STI.
      read: () => (image.get("VMCB_INTERRUPT_STATE") & shadow) | (this.nmisAreBlocked ? NMI_BLOCKING : 0n),
      write: (value) => {
        image.set("VMCB_INTERRUPT_STATE", has(value, SHADOWS) ? shadow : 0n);
        this.nmisAreBlocked = has(value, NMI_BLOCKING);
      },
    });
    all.set("GUEST_IA32_EFER", {
      read: () => image.get("VMCB_EFER") & ~EFER_SVME,
      write: (value) => image.set("VMCB_EFER", value | (image.get("VMCB_EFER") & EFER_SVME)),
    });
    all.set("VM_ENTRY_CONTROLS", {
      read: () => (has(image.get("VMCB_EFER"), EFER_LMA) ? control("ENTRY_IA32E_MODE_GUEST") : 0n),
    });
    all.set("GUEST_PENDING_DEBUG_EXCEPTIONS", { read: () => 0n });
    all.set("VM_ENTRY_INTERRUPTION_INFORMATION", { read: () => image.get("VMCB_EVENTINJ") & 0xffffffffn });
    all.set("VM_ENTRY_EXCEPTION_ERROR_CODE", { read: () => image.get("VMCB_EVENTINJ") >> 32n });
    const { msrs } = this.#processor;
    const isSwitched = (): boolean => has(image.get("VMCB_LBR_CONTROL"), BRANCH_RECORDS_ARE_SWITCHED);
    all.set("GUEST_IA32_DEBUGCTL", {
      read: () => (isSwitched() ? image.get("VMCB_DBGCTL") : (msrs.get(msr("IA32_DEBUGCTL")) ?? 0n)),
      write: (value) => void (isSwitched() ? image.set("VMCB_DBGCTL", value) : msrs.set(msr("IA32_DEBUGCTL"), value)),
    });
  }
}

/** Bits 11:8 of the attributes are 15:12 of the access rights; what is not present is unusable. */
function accessRights(attributes: bigint): bigint {
  const rights = (attributes & 0xffn) | ((attributes & 0xf00n) << 4n);
  return has(attributes, PRESENT) ? rights : rights | UNUSABLE;
}

function attributesOf(rights: bigint): bigint {
  const attributes = (rights & 0xffn) | ((rights >> 4n) & 0xf00n);
  return has(rights, UNUSABLE) ? attributes & ~PRESENT : attributes;
}
