// QEMU, with KVM or with its own code generator (TCG).
import { existsSync } from "node:fs";
import type { Launch, Machine, Media, RunPlan } from "./machine.ts";
import type { ChildEnd } from "./process.ts";

/** The UEFI firmware of Debian's package ovmf. It is started read-only and without variables: nothing is kept. */
const uefiFirmware = "/usr/share/OVMF/OVMF_CODE_4M.fd";

const accelerators = {
  kvm: { machine: "q35", acceleration: "kvm", cpu: "host" },
  tcg: { machine: "pc", acceleration: "tcg", cpu: "max" },
} as const;

const exitDevice = "isa-debug-exit,iobase=0xf4,iosize=4";

/** For TCG: an instruction is a tick of all clocks, and a halted machine's time goes on at once. */
export const instructionClock = ["-icount", "shift=0,sleep=off"] as const;

/** A byte v to port 0xf4 ends QEMU with this status (isa-debug-exit). */
function statusOfResult(number: number): number {
  return ((number << 1) | 1) & 0xff;
}

/** QEMU under `name`. It boots the ISO, or the ELF directly. */
export function qemu(name: keyof typeof accelerators): Machine {
  const { machine, acceleration, cpu } = accelerators[name];
  return {
    program: "qemu-system-x86_64",
    debianPackage: "qemu-system-x86",

    refuse(plan) {
      if (plan.media === "kernel" && (plan.kernelPaths ?? []).length > 1) {
        return "QEMU gives an ELF that it loads itself one module only. Boot several kernels from a medium.";
      }
      if (plan.firmware === "bios") return null;
      if (plan.media === "kernel") {
        return "UEFI boots from a medium only, the ELF is no UEFI program. Leave out --media kernel or --firmware uefi.";
      }
      if (!existsSync(uefiFirmware)) return `There is no ${uefiFirmware}. Install the package ovmf.`;
      return null;
    },

    async prepare(plan): Promise<Launch> {
      const args = [
        ...["-machine", machine, "-accel", acceleration, "-cpu", plan.cpu ?? cpu, "-m", `${plan.memory}M`],
        ...(plan.processors === undefined ? [] : ["-smp", String(plan.processors)]),
        ...["-display", "none", "-no-reboot", ...serialArguments(plan)],
        ...(plan.devices === "default" ? [] : ["-nodefaults", "-no-user-config"]),
        ...(plan.countsInstructions ? instructionClock : []),
        ...endArguments(plan),
        ...journalArguments(plan),
        ...mediaArguments[plan.media](plan),
      ];
      if (plan.firmware === "uefi") {
        args.push("-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${uefiFirmware}`);
      }
      if (plan.debugPort !== undefined) args.push("-S", "-gdb", `tcp:127.0.0.1:${plan.debugPort}`);
      return { command: this.program, args, logPath: plan.journalPath ?? null };
    },

    async explain(end, launch, result) {
      const expected = result === null || !launch.args.includes(exitDevice) ? 0 : statusOfResult(result.number);
      return {
        started: end.signal === null && (result !== null || end.exitCode === 0),
        cause: describeEnd(end),
        contradiction:
          result === null || end.exitCode === expected
            ? null
            : `QEMU should have ended with exit code ${expected}, but ${describeEnd(end)}`,
        ticks: null,
      };
    },
  };
}

function serialArguments({ serialPath, serialPort }: RunPlan): string[] {
  if (serialPort === undefined) return ["-serial", `file:${serialPath}`];
  return ["-chardev", `socket,id=com1,host=127.0.0.1,port=${serialPort}`, "-serial", "chardev:com1"];
}

/** The result ends QEMU, unless it has its own devices only; or the machine stays, with what is on its screen. */
function endArguments({ control, devices }: RunPlan): string[] {
  if (control === undefined) return devices === "default" ? [] : ["-device", exitDevice];
  const stub = `socket,id=stub,host=127.0.0.1,port=${control.stubPort}`;
  const monitor = ["-qmp", `tcp:127.0.0.1:${control.monitorPort}`];
  return ["-vga", "std", "-no-shutdown", "-S", ...monitor, "-chardev", stub, "-gdb", "chardev:stub"];
}

/** Port 0x402, and 0xe9, which reads its own number, so that the machine knows that it is heard (hv/core/mutate/journal.ts). */
function journalArguments({ journalPath }: RunPlan): string[] {
  if (journalPath === undefined) return [];
  return [
    ...["-chardev", `file,id=journal,path=${journalPath}`, "-device", "isa-debugcon,iobase=0x402,chardev=journal"],
    ...["-chardev", "null,id=unheard", "-device", "isa-debugcon,iobase=0xe9,chardev=unheard"],
  ];
}

const mediaArguments: Record<Media, (plan: RunPlan) => string[]> = {
  iso: (plan) => ["-drive", drive(plan, "if=ide,media=cdrom,readonly=on")],
  disk: (plan) => ["-drive", drive(plan, "if=ide")],
  virtio: (plan) => ["-drive", drive(plan, "if=virtio")],
  usb: (plan) => [
    ...["-drive", drive(plan, "if=none,id=stick")],
    ...["-device", "qemu-xhci", "-device", "usb-storage,drive=stick,removable=on"],
  ],
  kernel: (plan) => [
    ...["-kernel", plan.elf, "-append", plan.commandLine],
    ...(plan.kernelPaths ?? []).flatMap((path) => ["-initrd", path]),
  ],
};

/** A drive with the run's ISO in it. The format is said, else QEMU guesses and then protects the first sector. */
function drive(plan: RunPlan, as: string): string {
  return `${as},format=raw,file=${plan.iso.replaceAll(",", ",,")}`;
}

function describeEnd({ exitCode, signal, output }: ChildEnd): string {
  const said = output.trim() === "" ? "" : `: ${output.trim()}`;
  if (signal !== null) return `QEMU was ended by ${signal}${said}`;
  if (exitCode === 0) return "the machine reset or powered off, as after a triple fault";
  return `QEMU ended with exit code ${exitCode}${said}`;
}
