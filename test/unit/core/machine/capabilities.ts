// What a CPU's VMX capability MSRs say about control words and features (SDM 3D appendix A).
import type { CpuModel } from "./cpu-model.ts";
import { has } from "./bits.ts";
import { msr } from "./tables.ts";

const TRUE_CONTROLS = 1n << 55n;

/** One control word: which bits may be 1, which must be. */
export interface AllowedSettings {
  readonly ones: bigint;
  readonly zeros: bigint;
}

export class Capabilities {
  readonly basic: bigint;
  readonly misc: bigint;
  readonly eptVpid: bigint;
  readonly pin: AllowedSettings;
  readonly primary: AllowedSettings;
  readonly secondary: AllowedSettings;
  readonly exit: AllowedSettings;
  readonly entry: AllowedSettings;
  readonly #model: CpuModel;

  constructor(model: CpuModel) {
    this.#model = model;
    this.basic = this.value("IA32_VMX_BASIC");
    this.misc = this.value("IA32_VMX_MISC");
    this.eptVpid = this.value("IA32_VMX_EPT_VPID_CAP");
    const kind = has(this.basic, TRUE_CONTROLS) ? "TRUE_" : "";
    this.pin = this.#allowed(`IA32_VMX_${kind}PINBASED_CTLS`);
    this.primary = this.#allowed(`IA32_VMX_${kind}PROCBASED_CTLS`);
    this.secondary = this.#allowed("IA32_VMX_PROCBASED_CTLS2");
    this.exit = this.#allowed(`IA32_VMX_${kind}EXIT_CTLS`);
    this.entry = this.#allowed(`IA32_VMX_${kind}ENTRY_CTLS`);
  }

  /** An MSR by its name; 0 where the CPU does not have it. */
  value(name: string): bigint {
    return this.#model.msrs.get(msr(name)) ?? 0n;
  }

  get revision(): number {
    return Number(this.basic & 0x7fffffffn);
  }

  #allowed(name: string): AllowedSettings {
    const value = this.value(name);
    return { ones: value >> 32n, zeros: value & 0xffffffffn };
  }
}
