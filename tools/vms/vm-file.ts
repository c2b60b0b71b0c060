// Reads vm.json: the VMs, or an error that names the line, the column and the key of everything wrong.
import { readFile } from "node:fs/promises";
import { getNodeValue, type Node } from "jsonc-parser";
import { ToolError } from "../errors.ts";
import { checkDisk, checkInitrd } from "../image/guest-files.ts";
import { checkGuestKernel } from "../image/guest-kernel.ts";
import { checkSchema } from "./check-schema.ts";
import { checkTogether } from "./check-together.ts";
import {
  describeMistake,
  findTwins,
  isMistake,
  offsetOf,
  parseJson,
  type JsonPath,
  type Mistake,
} from "./positions.ts";
import { diskFileOf, kernelOf, locateFiles, type Vm } from "./vm.ts";

/** More than 16 VMs take. */
const maximumLetters = 1 << 16;

/** The VMs that the file at `path` describes, with files that are there. Throws a ToolError with a line for each mistake. */
export async function readVmFile(path: string): Promise<Vm[]> {
  const text = await readText(path);
  const { tree, mistakes } = examine(text);
  if (tree === null || mistakes.length > 0) throw refusal(path, text, mistakes);
  const vms = (getNodeValue(tree) as { vms: Vm[] }).vms.map((vm) => locateFiles(vm, path));
  const wrong = [...checkTogether(vms), ...(await checkFiles(vms))];
  if (wrong.length === 0) return vms;
  throw refusal(
    path,
    text,
    wrong.map((one) => ({ ...one, offset: offsetOf(tree, one.path) })),
  );
}

/** What the text alone is: its tree, and what syntax and schema refuse. */
function examine(text: string): { tree: Node | null; mistakes: Mistake[] } {
  const refused = (sentence: string): ReturnType<typeof examine> => {
    return { tree: null, mistakes: [{ offset: 0, path: [], sentence }] };
  };
  if (text.length > maximumLetters) {
    return refused(`found ${text.length} letters, expected ${maximumLetters} at most; shorten it.`);
  }
  try {
    const tree = parseJson(text);
    if (isMistake(tree)) return { tree: null, mistakes: [tree] };
    return { tree, mistakes: [...findTwins(tree), ...checkSchema(tree)] };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return refused("found thousands of lists or objects in each other, expected an object with the key vms.");
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const found = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "a folder" : `the error ${code}`;
    throw new ToolError("usage", `${path}: found ${found}, expected a JSON file that describes VMs.`, { cause });
  }
}

async function checkFiles(vms: readonly Vm[]): Promise<Omit<Mistake, "offset">[]> {
  const checked = vms.map(async (vm, n) => {
    const kernel = kernelOf(vm);
    const disk = diskFileOf(vm);
    return [
      ...(kernel === null ? [] : await tell(["vms", n, "kernel"], () => checkGuestKernel(kernel))),
      ...(vm.initrd === undefined ? [] : await tell(["vms", n, "initrd"], () => checkInitrd(vm.initrd!))),
      ...(disk === undefined ? [] : await tell(["vms", n, "disk"], () => checkDisk(disk))),
    ];
  });
  return (await Promise.all(checked)).flat();
}

/** What `check` throws as a mistake at `path`. */
async function tell(path: JsonPath, check: () => Promise<unknown>): Promise<Omit<Mistake, "offset">[]> {
  try {
    await check();
    return [];
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return [{ path, sentence: error.message }];
  }
}

function refusal(path: string, text: string, mistakes: readonly Mistake[]): ToolError {
  const inOrder = mistakes.toSorted((one, other) => one.offset - other.offset);
  return new ToolError("usage", inOrder.map((mistake) => describeMistake(path, text, mistake)).join("\n"));
}
