// `basalt image`: writes VMs and Basalt to an image that a PC boots.
import { relative, resolve } from "node:path";
import { Command } from "commander";
import { showBytes } from "../flash/describe.ts";
import { checkOutput, writeAppliance } from "../image/appliance.ts";
import { toField } from "../image/command-line.ts";
import { builtIso } from "../paths.ts";
import { Progress } from "../progress.ts";
import { printJson, printStatus, stderrColours } from "../terminal.ts";
import { readVmFile } from "../vms/vm-file.ts";
import { buildImage } from "./build.ts";

interface ImageCommandOptions {
  output: string;
  options: string | undefined;
  force: boolean;
  build: boolean;
  json: boolean;
}

const about = `
The image holds Basalt, and the kernels, initrds and disks of the VMs that the file describes (see \`basalt check --help\`). A PC
boots it from a USB stick, a disk or a CD, by BIOS and by UEFI. What VMs write to their disks is gone when the machine ends.

  basalt image vm.json -o appliance.iso && basalt flash --image appliance.iso /dev/sdb
`;

export function imageCommand(): Command {
  return new Command("image")
    .description("Write Basalt and VMs to an image that a PC boots, from a stick for example.")
    .argument("<file>", "the file that describes the VMs, vm.json for example")
    .requiredOption("-o, --output <file>", "the image to write, appliance.iso for example")
    .option("--options <text>", "words for Basalt's boot command line")
    .option("--force", "overwrite the image if it is there", false)
    .option("--no-build", "take build/basalt.iso as it is")
    .option("--json", "print the image's path and size as JSON", false)
    .addHelpText("after", about)
    .action(image);
}

async function image(file: string, { output, options = "", force, build, json }: ImageCommandOptions): Promise<void> {
  const path = resolve(output);
  toField(options);
  const vms = await readVmFile(file);
  await checkOutput(path, force);
  if (build) await buildImage();
  const progress = new Progress(`writing ${output}`);
  const bytes = await writeAppliance(vms, options, builtIso, path).finally(() => progress.end());
  if (json) return printJson({ path, bytes, vms: vms.map(({ name }) => name) });
  const count = vms.length === 1 ? "1 VM" : `${vms.length} VMs`;
  printStatus(stderrColours.green(`${output} holds Basalt and ${count}: ${showBytes(bytes)}`));
  printStatus(`write it to a stick: basalt flash --image ${relative(process.cwd(), path)} /dev/sdX`);
}
