// `basalt probe`: says whether KVM with VMX works here.
import { Command } from "commander";
import { probeKvm } from "../emulators/kvm-probe.ts";
import { Progress } from "../progress.ts";
import { printJson, printLine } from "../terminal.ts";

export function probeCommand(): Command {
  return new Command("probe")
    .description("Tell whether KVM with VMX works here, by letting Basalt execute VMXON under it.")
    .option("--fresh", "do not use the answer that was found since the machine started", false)
    .option("--json", "print JSON", false)
    .action(async ({ fresh, json }: { fresh: boolean; json: boolean }) => {
      const progress = new Progress("probing KVM");
      const probe = await probeKvm(fresh).finally(() => progress.end());
      if (json) printJson(probe);
      else printLine(`KVM with VMX ${probe.works ? "works here" : "does not work here"}: ${probe.detail}`);
    });
}
