// `basalt run`: builds the image, runs it in an emulator and ends with what came of it.
import { Command, InvalidArgumentError, Option } from "commander";
import { relative, resolve } from "node:path";
import { memorySize, wholeNumber } from "../arguments.ts";
import { describeAddress, nameAddresses, type NamedAddress } from "../emulators/backtrace.ts";
import { bochsAmdCpu, defaultBochsCpu } from "../emulators/bochs.ts";
import { choosePlace, onNames, refuseImpossible, type On } from "../emulators/choice.ts";
import {
  firmwareNames,
  mediaKinds,
  mediaNames,
  type Firmware,
  type Media,
  type PlaceName,
} from "../emulators/machine.ts";
import { runImage } from "../emulators/run-image.ts";
import { defaultNestedTimeoutSeconds } from "../emulators/nested/nested.ts";
import { defaultMemory, defaultTimeoutSeconds, type RunOptions, type RunResult } from "../emulators/run.ts";
import { ToolError } from "../errors.ts";
import { runnableNames } from "../guests.ts";
import { joinOptions } from "../image/command-line.ts";
import { checkDisk, checkInitrd, checkRamDisk } from "../image/guest-files.ts";
import { checkGuestKernel } from "../image/guest-kernel.ts";
import { diskFileOf, processorsFor, type Vm } from "../vms/vm.ts";
import { readVmFile } from "../vms/vm-file.ts";
import { modulesFor } from "../vms/vm-table.ts";
import { loadTool } from "../emulate/load-tool.ts";
import { connectTerminal, ScreenText } from "../interactive.ts";
import { interruptible } from "../interrupt.ts";
import { builtElf, root } from "../paths.ts";
import { Progress } from "../progress.ts";
import { printError, printJson, printLine, printStatus, stderrColours } from "../terminal.ts";
import { buildImage } from "./build.ts";

interface RunCommandOptions {
  on: On;
  guest: string | undefined;
  append: string | undefined;
  cpu: string | undefined;
  kernel: string | undefined;
  flat: boolean;
  initrd: string | undefined;
  disk: string | undefined;
  diskReadOnly: boolean;
  vms: string | undefined;
  options: string | undefined;
  memory: number | undefined;
  cpus: number | undefined;
  machineMemory: number | undefined;
  timeout: number | undefined;
  debug: number | undefined;
  media: Media;
  firmware: Firmware;
  emulate: string | undefined;
  /** Undefined where nobody said. */
  interactive: boolean | undefined;
  keep: boolean;
  build: boolean;
  json: boolean;
}

/** Where a million exits, the guests' default, would take too long: minutes, as each has exits of its own to KVM, or 10 s. */
const fewIterations: Partial<Record<PlaceName, string>> = { nested: "iterations=1000", tcg: "iterations=20000" };
const defaultDebugPort = 1234;
/** A person takes time: a day. */
const interactiveTimeoutSeconds = 86400;

/** A distribution's kernel unpacks its initrd to RAM. */
const linuxMemory = "512M";

const aboutTimeout = `limit of the run (default: ${defaultTimeoutSeconds}, nested: ${defaultNestedTimeoutSeconds})`;

const aboutGuestMemory = `RAM of the guest of --kernel: 256M, 1G (default: 128M, ${linuxMemory} for Linux)`;

const aboutMachineMemory = `the machine's RAM (default: ${defaultMemory}, more for a large guest)`;

const aboutOn = `
What --on takes:
  kvm    QEMU with KVM and nested VMX or SVM
  bochs  Bochs, which has VMX anywhere and repeats exactly
  nested QEMU with KVM and nested VMX anywhere: in a Linux that Bochs boots, which takes half a minute first. The Linux
         is made once, of Debian packages that apt-get downloads
  tcg    QEMU's own emulation, which has SVM anywhere, no VMX, and is the quickest to start
  auto   kvm if Basalt itself could switch VMX or SVM on under it (see \`basalt probe\`), else tcg, and bochs if QEMU is
         not installed
`;

const aboutCpu = `
What --cpu takes:
  intel  a CPU with VMX: KVM's if it has VMX, else Bochs's ${defaultBochsCpu}
  amd    a CPU with SVM: KVM's if it has SVM, else TCG's max; with --on bochs, or without QEMU, Bochs's ${bochsAmdCpu}
  MODEL  the emulator's own name of one (default: ${defaultBochsCpu} in Bochs, host in KVM and nested, max in TCG)
`;

const aboutMedia = `
What --media takes:
${mediaNames.map((name) => `  ${name.padEnd(6)}  ${mediaKinds[name]}`).join("\n")}
`;

const aboutEmulate = `
What --emulate takes: a JavaScript module whose default export is async (record, guest) => …, called for each stop by a boot
option such as watch=0:30000-31000:nofetch:emulate. docs/watch.md has record, guest and an example.
`;

const aboutKernel = `
What --kernel takes: a Linux bzImage, or a kernel for PVH or for Multiboot 1 or 2; with --flat
a flat binary, which is entered at its first byte, at 1 MiB, in 32-bit protected mode. As in
  basalt run --kernel vmlinuz --initrd initrd.img --append "console=ttyS0" --memory 512M --disk disk.img
A disk is in the machine's memory: with a file's contents at first, or with a size, as 64M, empty. What the guest writes to it is
gone when the machine ends; the file stays as it is. In a terminal a Linux is --interactive, unless --no-interactive is there.
`;

const aboutInteractive = `
With --interactive each key goes to the machine at once, Ctrl-C too. Ctrl-A h lists what Basalt itself does for keys: it shows the
consoles of several VMs one by one, and pauses, resumes and kills VMs. Without --timeout the run has no limit but a day.
`;

export function runCommand(): Command {
  return new Command("run")
    .description("Build the image and run it in an emulator; the serial line goes to stdout.")
    .addOption(new Option("--on <emulator>", "where to run").choices(onNames).default("auto"))
    .addOption(new Option("--guest <name>", `the guest: ${runnableNames.join(", ")}`).argParser(parseGuest))
    .option("--kernel <file>", "a kernel to be the guest, instead of --guest: Linux, PVH or Multiboot")
    .option("--flat", "the kernel is a flat binary, entered at its first byte", false)
    .option("--initrd <file>", "the initrd of --kernel")
    .option("--disk <file|size>", "the disk of --kernel: a file with its contents, or a size as in 64M")
    .option("--disk-read-only", "the guest only reads its disk", false)
    .option("--vms <file>", "a JSON file with several VMs, instead of --guest: see `basalt check --help`")
    .option("--append <text>", "words for the boot command line: Basalt's, or with --kernel the guest's own")
    .addOption(new Option("--memory <size>", aboutGuestMemory).argParser(memorySize(2, 3072)))
    .option("--options <text>", "words for Basalt's boot command line, also with --kernel")
    .option("--cpu <model>", "intel, amd, or the emulator's CPU model")
    .addOption(numberOption("--cpus <n>", "processors of the machine (default: as many as --vms names, else 1)", 1, 16))
    .addOption(numberOption("--machine-memory <MiB>", aboutMachineMemory, 64, 65536))
    .addOption(numberOption("--timeout <seconds>", aboutTimeout, 1, 86400))
    .addOption(numberOption("--debug [port]", "wait for gdb at this port (QEMU)", 1, 65535).preset(defaultDebugPort))
    .addOption(new Option("--media <kind>", "what the machine boots from").choices(mediaNames).default("iso"))
    .addOption(
      new Option("--firmware <kind>", "what boots the medium (uefi: QEMU)").choices(firmwareNames).default("bios"),
    )
    .option("--emulate <file>", "a module whose function gets the guests that a watch with action emulate stops")
    .option("--interactive", "send what is typed to the serial line; Ctrl-A x ends the machine")
    .option("--no-interactive", "do not, for a Linux in a terminal too")
    .option("--keep", "keep the run's ISO beside its logs in build/run/", false)
    .option("--no-build", "run the image as it is")
    .option("--json", "print the result and all lines as JSON instead", false)
    .addHelpText("after", aboutKernel + aboutOn + aboutCpu + aboutMedia + aboutEmulate + aboutInteractive)
    .action(run);
}

function numberOption(flags: string, description: string, least: number, most: number): Option {
  const parse = wholeNumber(least, most);
  return new Option(flags, description).argParser((value: string | number) => parse(String(value)));
}

function parseGuest(name: string): string {
  if (runnableNames.includes(name)) return name;
  throw new InvalidArgumentError(`There is no guest of this name. The guests are: ${runnableNames.join(", ")}.`);
}

async function run(options: RunCommandOptions): Promise<void> {
  refuseMixture(options);
  refuseImpossible(options.on, options.cpu);
  const { append, machineMemory: memory } = options;
  const isLinux =
    options.kernel !== undefined && (await checkGuestKernel({ path: options.kernel, flat: options.flat })) === "linux";
  const { kernel, vms } = await findGuests(options, isLinux);
  const interactive = options.interactive ?? (isLinux && canAnswer(options));
  const basalts = joinOptions(options.options, options.kernel === undefined ? append : undefined);
  const watches = joinOptions(basalts, vms === undefined ? undefined : modulesFor(vms).table);
  const emulate = options.emulate === undefined ? undefined : await loadTool(options.emulate, watches);
  if (options.build) await buildImage();
  const result = await interruptible(async (signal) => {
    const { on, cpu } = await choosePlace(options.on, options.cpu);
    if (on === "nested" && (emulate !== undefined || interactive)) {
      const option = interactive ? "--interactive" : "--emulate";
      throw new ToolError("usage", `${option} needs both ways of the serial line. Use --on tcg, bochs or kvm.`);
    }
    if (options.debug !== undefined && (on === "kvm" || on === "tcg")) explainDebugging(options.debug);
    const label = `running on ${on}${options.on === "auto" ? " (chosen by auto)" : ""}`;
    const progress = new Progress(label);
    // The line that tells the time would come between what is typed.
    if (interactive) progress.end();
    const onLine = (line: string): void => {
      if (!options.json && !interactive) progress.interleave(() => printLine(line));
    };
    const screen = new ScreenText();
    const onText = (text: string): void => void process.stdout.write(screen.take(text));
    const onStage = (stage: string): void => progress.relabel(stage);
    const leaving = new AbortController();
    let disconnect = (): void => {};
    const onSerial = (send: (bytes: Uint8Array) => void): void => {
      printStatus("Ctrl-A x ends the machine, Ctrl-A h lists the keys that Basalt takes");
      disconnect = connectTerminal(process.stdin, send, () => leaving.abort());
    };
    try {
      const takesIterations = kernel === undefined && vms?.every(saysIterations) !== true;
      const run = { kernel, vms, memory, append: takesIterations ? withFewIterations(on, basalts) : basalts };
      return await runImage({
        ...options,
        ...run,
        on,
        cpu,
        processors: options.cpus ?? processorsFor(vms ?? []),
        timeoutSeconds: options.timeout ?? (interactive ? interactiveTimeoutSeconds : undefined),
        onLine,
        onStage,
        signal: AbortSignal.any([signal, leaving.signal]),
        emulate,
        onSerial: interactive ? onSerial : undefined,
        onText: interactive ? onText : undefined,
      });
    } finally {
      disconnect();
      progress.end();
    }
  });
  const where = await namedAddresses(result.lines);
  if (options.json) printJson({ ...dataOf(result), where });
  else for (const address of where) printStatus(describeAddress(address));
  report(result);
  process.exitCode = result.exitCode;
}

/**
 * What runs: a kernel alone, by Basalt's boot options; or VMs, of the file or of a kernel that needs a VM table, as its initrd and
 * its disk are boot modules, too, or its console is its own. Neither for --guest.
 */
async function findGuests(options: RunCommandOptions, isLinux: boolean): Promise<Pick<RunOptions, "kernel" | "vms">> {
  const { kernel: path, flat, append, memory, disk, initrd, diskReadOnly } = options;
  if (options.vms !== undefined) return { vms: await readVmFile(options.vms) };
  if (path === undefined) return {};
  const isAlone = !flat && initrd === undefined && disk === undefined && (!isLinux || options.media === "kernel");
  const mebibytes = memory ?? (isLinux ? parseInt(linuxMemory) : undefined);
  if (isAlone) return { kernel: { path: resolve(path), append, memory: mebibytes } };
  const vm: Vm = {
    kernel: resolve(path),
    ...(flat ? { flat } : {}),
    ...(append === undefined ? {} : { commandLine: append }),
    ...(initrd === undefined ? {} : { initrd: resolve(initrd) }),
    ...(disk === undefined ? {} : { disk, diskReadOnly }),
    ...(isLinux ? { console: "raw" } : {}),
    ...(mebibytes === undefined ? {} : { memory: `${mebibytes}M` }),
  };
  if (vm.initrd !== undefined) await checkInitrd(vm.initrd);
  const file = diskFileOf(vm);
  if (file !== undefined) await checkDisk(file);
  else if (disk !== undefined) checkRamDisk(disk, diskReadOnly);
  return { vms: [file === undefined ? vm : { ...vm, disk: resolve(file) }] };
}

/** Whether somebody at a terminal can type what the machine is to get. */
function canAnswer({ on, json, emulate, debug }: RunCommandOptions): boolean {
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  return isTerminal && on !== "nested" && !json && emulate === undefined && debug === undefined;
}

/** Throws where options do not go together. */
function refuseMixture({ kernel, guest, memory, vms, interactive, emulate, json, ...more }: RunCommandOptions): void {
  const { flat, initrd, disk, diskReadOnly, media } = more;
  if (kernel === undefined && (initrd !== undefined || disk !== undefined)) {
    const option = initrd === undefined ? "--disk" : "--initrd";
    throw new ToolError(
      "usage",
      `${option} is for the guest of --kernel. Name a kernel, or take it to the file of --vms.`,
    );
  }
  if (flat && kernel === undefined) {
    throw new ToolError(
      "usage",
      "--flat says what the kernel is. Name one by --kernel, or take it to the file of --vms.",
    );
  }
  if (diskReadOnly && disk === undefined) {
    throw new ToolError("usage", "--disk-read-only says how the guest may use its disk. Name one by --disk.");
  }
  if (media === "kernel" && (flat || initrd !== undefined || disk !== undefined)) {
    const problem = flat
      ? "no command line for it, which says that it is flat. Boot it from a medium."
      : "one boot module only. Boot initrd and disk from a medium.";
    throw new ToolError("usage", `An ELF that QEMU loads itself has ${problem}`);
  }
  if (interactive && emulate !== undefined) {
    throw new ToolError("usage", "--interactive and --emulate both take the serial line. Give one of them.");
  }
  if (interactive && json) {
    throw new ToolError("usage", "--json prints nothing until the end, so nobody can answer. Leave out --interactive.");
  }
  if (vms !== undefined && (kernel !== undefined || guest !== undefined)) {
    const other = kernel === undefined ? "--guest" : "--kernel";
    throw new ToolError("usage", `--vms and ${other} both name guests. Give one of them.`);
  }
  if (vms !== undefined && memory !== undefined) {
    throw new ToolError("usage", "--memory is the RAM of the guest of --kernel. A VM of --vms has its own, memory.");
  }
  if (kernel !== undefined && guest !== undefined) {
    throw new ToolError("usage", "--kernel and --guest both name the guest. Give one of them.");
  }
  if (kernel === undefined && memory !== undefined) {
    throw new ToolError(
      "usage",
      "--memory is the RAM of the guest of --kernel. The machine's RAM is --machine-memory.",
    );
  }
}

/** Whether the boot options' iterations are none of a VM's. */
function saysIterations({ kernel, iterations }: Vm): boolean {
  return kernel !== undefined || iterations !== undefined;
}

/** `append` with the place's own default of iterations, unless it has a number. */
function withFewIterations(on: PlaceName, append: string): string {
  const few = fewIterations[on];
  if (few === undefined || append.includes("iterations=")) return append;
  printStatus(`${few}, unless --append has another number: a VM exit is slow here`);
  return joinOptions(few, append);
}

// A report without source lines is still a report.
async function namedAddresses(lines: readonly string[]): Promise<NamedAddress[]> {
  try {
    return await nameAddresses(builtElf, lines);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    printStatus(`where: the addresses of the report have no source lines here: ${error.message}`);
    return [];
  }
}

function explainDebugging(port: number): void {
  printStatus(`the machine waits for gdb: gdb build/basalt.elf -ex "target remote localhost:${port}"`);
  printStatus("the image is not loaded yet, so use hardware breakpoints: hbreak, then continue");
}

function report(result: RunResult): void {
  const time = `${result.seconds.toFixed(1)} s${result.ticks === null ? "" : `, ${result.ticks} ticks`}`;
  if (result.exitCode === 0) printStatus(`${stderrColours.green(result.summary)} (${time})`);
  else printError(`${result.summary} (${time})`);
}

function dataOf(result: RunResult): object {
  const { serial: _serial, directory, logPath, ...data } = result;
  const fromRoot = (path: string | null): string | null => (path === null ? null : relative(root, path));
  return { ...data, directory: fromRoot(directory), logPath: fromRoot(logPath) };
}
