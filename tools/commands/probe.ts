// `basalt probe`: says whether KVM with VMX or SVM works here.
import { Command } from "commander";
import { probeKvm, type KvmProbe } from "../emulators/kvm-probe.ts";
import { vendors } from "../emulators/vendor.ts";
import { Progress } from "../progress.ts";
import { printJson, printLine } from "../terminal.ts";

export function probeCommand(): Command {
  return new Command("probe")
    .description("Tell whether KVM with VMX or SVM works here, by letting Basalt switch it on under KVM.")
    .option("--fresh", "do not use the answer that was found since the machine started", false)
    .option("--json", "print JSON", false)
    .action(async ({ fresh, json }: { fresh: boolean; json: boolean }) => {
      const progress = new Progress("probing KVM");
      const probe = await probeKvm(fresh).finally(() => progress.end());
      if (json) printJson(probe);
      else printLine(describeProbe(probe));
    });
}

/** One line for the user. */
export function describeProbe({ works, vendor, detail }: KvmProbe): string {
  const extension = vendor === null ? "VMX or SVM" : vendors[vendor].extension;
  return `KVM with ${extension} ${works ? "works here" : "does not work here"}: ${detail}`;
}
