// QEMU, with KVM or with its own code generator (TCG).
import { existsSync } from "node:fs";
import type { Launch, Machine, RunPlan } from "./machine.ts";
import type { ChildEnd } from "./process.ts";
import type { BasaltResult } from "./serial.ts";

/** The UEFI firmware of Debian's package ovmf. It is started read-only and without variables: nothing is kept. */
const uefiFirmware = "/usr/share/OVMF/OVMF_CODE_4M.fd";

const accelerators = {
  kvm: { acceleration: "kvm", cpu: "host" },
  tcg: { acceleration: "tcg", cpu: "max" },
} as const;

/** A byte v to port 0xf4 ends QEMU with this status (isa-debug-exit). */
function statusOfResult(number: number): number {
  return ((number << 1) | 1) & 0xff;
}

/** QEMU under `name`. It boots the ISO, or the ELF directly. */
export function qemu(name: keyof typeof accelerators): Machine {
  const { acceleration, cpu } = accelerators[name];
  return {
    program: "qemu-system-x86_64",
    debianPackage: "qemu-system-x86",

    refuse(plan) {
      if (plan.firmware === "bios") return null;
      if (plan.media === "kernel") return "UEFI boots the ISO only. Leave out --media kernel or --firmware uefi.";
      if (!existsSync(uefiFirmware)) return `There is no ${uefiFirmware}. Install the package ovmf.`;
      return null;
    },

    async prepare(plan): Promise<Launch> {
      const args = [
        ...["-accel", acceleration, "-cpu", plan.cpu ?? cpu, "-m", `${plan.memory}M`],
        ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
        ...["-serial", `file:${plan.serialPath}`],
        ...endArguments(plan),
        ...mediaArguments(plan),
      ];
      if (plan.firmware === "uefi") {
        args.push("-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${uefiFirmware}`);
      }
      if (plan.debugPort !== undefined) args.push("-S", "-gdb", `tcp:127.0.0.1:${plan.debugPort}`);
      return { command: this.program, args, logPath: null };
    },

    async explain(end, _launch, result) {
      return {
        started: end.signal === null && (result !== null || end.exitCode === 0),
        cause: describeEnd(end),
        contradiction: contradictionOf(end, result),
        ticks: null,
      };
    },
  };
}

/** The result ends QEMU; or the machine stays, with what is on its screen. */
function endArguments({ control }: RunPlan): string[] {
  if (control === undefined) return ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"];
  const stub = `socket,id=stub,host=127.0.0.1,port=${control.stubPort}`;
  const monitor = ["-qmp", `tcp:127.0.0.1:${control.monitorPort}`];
  return ["-vga", "std", "-no-shutdown", "-S", ...monitor, "-chardev", stub, "-gdb", "chardev:stub"];
}

function mediaArguments(plan: RunPlan): string[] {
  return plan.media === "iso" ? ["-cdrom", plan.iso] : ["-kernel", plan.elf, "-append", plan.commandLine];
}

function describeEnd({ exitCode, signal, output }: ChildEnd): string {
  const said = output.trim() === "" ? "" : `: ${output.trim()}`;
  if (signal !== null) return `QEMU was ended by ${signal}${said}`;
  if (exitCode === 0) return "the machine reset or powered off, as after a triple fault";
  return `QEMU ended with exit code ${exitCode}${said}`;
}

function contradictionOf(end: ChildEnd, result: BasaltResult | null): string | null {
  if (result === null || end.exitCode === statusOfResult(result.number)) return null;
  return `QEMU should have ended with exit code ${statusOfResult(result.number)}, but ${describeEnd(end)}`;
}
