// `basalt check`: reads a file that describes VMs, and shows what would run.
import { basename } from "node:path";
import { Command } from "commander";
import { printJson, printLine } from "../terminal.ts";
import { defaultWeight, mebibytesOf, mebibytesOfAll, type Vm } from "../vms/vm.ts";
import { readVmFile } from "../vms/vm-file.ts";

const aboutFile = `
The file is JSON: {"vms": [{"name": "web", "kernel": "web.elf", "memory": "64M"}, {"name": "load", "guest": "count"}]}
  name         what the console calls the VM: 1 to 16 of a to z, 0 to 9 and -
  guest        a built-in guest; or
  kernel       a Linux bzImage, or a kernel for PVH or Multiboot, its path from the JSON file's folder on
  flat         true: the kernel is a flat binary, which is entered at its first byte, at 1 MiB
  commandLine  words for the kernel, behind its file's name
  initrd       a file, the kernel's initrd
  disk         a file, whose contents the VM's disk has, or the size of an empty one: "64M"
  diskReadOnly true: the VM only reads its disk, and others may have the same file
  console      "raw": what the guest prints is shown as it is; "lines" (default): a line at a time
  memory       RAM: "64M", "1G" (default: 128M for a kernel, what a built-in guest takes)
  cpu          the number of its home processor, or "any" (default)
  weight       its share of a processor beside others, 1 to 100 (default: ${defaultWeight})
  watches      ["30000-31000:nofetch:log", …]: docs/watch.md
  iterations   how often a built-in guest exits before it ends
  ticks        how many TSC ticks it may run

tools/vms/vm.schema.json is its JSON schema. \`basalt run --vms FILE\` runs the VMs, side by side.
`;

export function checkCommand(): Command {
  return new Command("check")
    .description("Check a file that describes VMs for `basalt run --vms`, and show what would run.")
    .argument("<file>", "the file, vm.json for example")
    .option("--json", "print the VMs as JSON instead", false)
    .addHelpText("after", aboutFile)
    .action(check);
}

async function check(file: string, { json }: { json: boolean }): Promise<void> {
  const vms = await readVmFile(file);
  if (json) return printJson(vms);
  for (const line of asTable(["VM", "guest", "RAM", "CPU", "weight", "more"], vms.map(cells))) printLine(line);
  const count = vms.length === 1 ? "1 VM" : `${vms.length} VMs side by side`;
  printLine(`${count}, which take ${mebibytesOfAll(vms)} MiB with 2 MiB for the vmm of each`);
}

function cells(vm: Vm): string[] {
  const { name = "", guest, kernel, cpu = "any", weight = defaultWeight } = vm;
  const { flat, commandLine, initrd, disk, diskReadOnly, console, iterations, ticks, watches = [] } = vm;
  const more = [
    ...(flat ? ["a flat binary"] : []),
    ...(initrd === undefined ? [] : [`initrd ${basename(initrd)}`]),
    ...(disk === undefined ? [] : [`disk ${basename(disk)}${diskReadOnly ? ", which it only reads" : ""}`]),
    ...(console === undefined ? [] : [`console ${console}`]),
    ...(commandLine === undefined ? [] : [`told "${commandLine}"`]),
    ...(iterations === undefined ? [] : [`${iterations} iterations`]),
    ...(ticks === undefined ? [] : [`${ticks} ticks at most`]),
    ...watches.map((watch) => `watch ${watch}`),
  ];
  const ram = `${mebibytesOf(vm)} MiB`;
  return [name, guest ?? basename(kernel!), ram, String(cpu), String(weight), more.join(", ")];
}

/** Rows as lines, each column as wide as its widest cell. */
function asTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, n) => Math.max(title.length, ...rows.map((row) => row[n]!.length)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, n) => cell.padEnd(widths[n]!))
      .join("  ")
      .trimEnd(),
  );
}
