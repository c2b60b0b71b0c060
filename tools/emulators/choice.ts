// Where a run takes place, and on which CPU model: the rules of `--on` and `--cpu`, in one table.
import { ToolError } from "../errors.ts";
import { isInstalled } from "../programs.ts";
import { bochsAmdCpu } from "./bochs.ts";
import { probeKvm } from "./kvm-probe.ts";
import type { PlaceName } from "./machine.ts";
import { isVendor, type Vendor } from "./vendor.ts";

export const onNames = ["auto", "kvm", "bochs", "nested", "tcg"] as const;
export type On = (typeof onNames)[number];

/** What is asked of this machine. */
export interface Surroundings {
  /** Whose virtualization KVM has that Basalt can run guests with; null: none. */
  kvm(): Promise<Vendor | null>;
  hasQemu(): boolean;
}

/** A place, and its CPU model by the emulator's own name; undefined: the emulator's default. */
export interface Place {
  readonly on: PlaceName;
  readonly cpu: string | undefined;
}

const needs = {
  "KVM of any vendor": async (here: Surroundings) => (await here.kvm()) !== null,
  "KVM with VMX": async (here: Surroundings) => (await here.kvm()) === "intel",
  "KVM with SVM": async (here: Surroundings) => (await here.kvm()) === "amd",
  QEMU: (here: Surroundings) => here.hasQemu(),
  nothing: () => true,
} as const;

interface Rule {
  readonly on: On;
  /** What `--cpu` names; "any": no vendor, so that it is passed on. */
  readonly vendor: Vendor | "any";
  readonly needs: keyof typeof needs;
  /** The place, or why there is none. */
  readonly then: PlaceName | { readonly refusal: string };
  readonly cpu?: string;
}

const noVmxInTcg = "QEMU's TCG has SVM and no VMX, so it has no CPU for --cpu intel. Use --on bochs.";
const noSvmNested = "Linux in Bochs has KVM with VMX, so it has no CPU for --cpu amd. Use --on tcg.";
const noKvmWithVmx = "KVM with VMX does not work here, `basalt probe` tells why. For --cpu intel use --on bochs.";
const noKvmWithSvm = "KVM with SVM does not work here, `basalt probe` tells why. For --cpu amd use --on tcg.";

/** The first row whose needs are met counts. */
const rules: readonly Rule[] = [
  { on: "auto", vendor: "any", needs: "KVM of any vendor", then: "kvm" },
  { on: "auto", vendor: "any", needs: "QEMU", then: "tcg" },
  { on: "auto", vendor: "any", needs: "nothing", then: "bochs" },
  { on: "auto", vendor: "intel", needs: "KVM with VMX", then: "kvm" },
  { on: "auto", vendor: "intel", needs: "nothing", then: "bochs" },
  { on: "auto", vendor: "amd", needs: "KVM with SVM", then: "kvm" },
  { on: "auto", vendor: "amd", needs: "QEMU", then: "tcg" },
  { on: "auto", vendor: "amd", needs: "nothing", then: "bochs", cpu: bochsAmdCpu },
  { on: "kvm", vendor: "any", needs: "nothing", then: "kvm" },
  { on: "kvm", vendor: "intel", needs: "KVM with VMX", then: "kvm" },
  { on: "kvm", vendor: "intel", needs: "nothing", then: { refusal: noKvmWithVmx } },
  { on: "kvm", vendor: "amd", needs: "KVM with SVM", then: "kvm" },
  { on: "kvm", vendor: "amd", needs: "nothing", then: { refusal: noKvmWithSvm } },
  { on: "bochs", vendor: "any", needs: "nothing", then: "bochs" },
  { on: "bochs", vendor: "intel", needs: "nothing", then: "bochs" },
  { on: "bochs", vendor: "amd", needs: "nothing", then: "bochs", cpu: bochsAmdCpu },
  { on: "nested", vendor: "any", needs: "nothing", then: "nested" },
  { on: "nested", vendor: "intel", needs: "nothing", then: "nested" },
  { on: "nested", vendor: "amd", needs: "nothing", then: { refusal: noSvmNested } },
  { on: "tcg", vendor: "any", needs: "nothing", then: "tcg" },
  { on: "tcg", vendor: "intel", needs: "nothing", then: { refusal: noVmxInTcg } },
  { on: "tcg", vendor: "amd", needs: "nothing", then: "tcg" },
];

const thisMachine: Surroundings = {
  async kvm() {
    const { works, vendor } = await probeKvm();
    return works ? vendor : null;
  },
  hasQemu: () => isInstalled("qemu-system-x86_64"),
};

/** The place and CPU model behind `on` and `cpu`. Throws a ToolError where they do not go together here. */
export async function choosePlace(on: On, cpu?: string, here: Surroundings = thisMachine): Promise<Place> {
  for (const rule of rulesFor(on, cpu)) {
    if (!(await needs[rule.needs](here))) continue;
    if (typeof rule.then !== "string") throw new ToolError("usage", rule.then.refusal);
    return { on: rule.then, cpu: isVendor(cpu) ? rule.cpu : cpu };
  }
  throw new ToolError(
    "internal",
    `No rule says where --on ${on} --cpu ${cpu} runs; tools/emulators/choice.ts lacks it.`,
  );
}

/** Throws a ToolError where `on` and `cpu` go together nowhere, which needs neither a build nor a probe to know. */
export function refuseImpossible(on: On, cpu: string | undefined): void {
  const [first] = rulesFor(on, cpu);
  if (first?.needs === "nothing" && typeof first.then !== "string") throw new ToolError("usage", first.then.refusal);
}

function rulesFor(on: On, cpu: string | undefined): Rule[] {
  const vendor = isVendor(cpu) ? cpu : "any";
  return rules.filter((rule) => rule.on === on && rule.vendor === vendor);
}
