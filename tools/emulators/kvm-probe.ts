// Finds out whether KVM with VMX works on this machine, by having Basalt itself execute VMXON under it.
import { constants } from "node:fs";
import { access, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { builtElf, buildDirectory } from "../paths.ts";
import { isInstalled } from "../programs.ts";
import { runOn, type RunResult } from "./run.ts";

/** What the probe found. `detail` is the line that Basalt printed, or the reason why it could not. */
export interface KvmProbe {
  readonly works: boolean;
  readonly detail: string;
}

const kvmDevice = "/dev/kvm";
const cachePath = join(buildDirectory, "kvm-probe.json");
const timeoutSeconds = 20;

/** What Basalt prints on the boot option `probe`, after VMXON. Nothing else counts. */
const report = /^basalt: probe vmx ok feature-control=\S+ ept=(\d) unrestricted-guest=(\d)$/;

/**
 * Answers whether Basalt can run under KVM here. The answer of a run with a result holds as long as the machine is up
 * and the image is the same; `fresh` asks again. That /dev/kvm can be opened proves nothing: it may be a KVM without VMX.
 */
export async function probeKvm(fresh = false): Promise<KvmProbe> {
  const obstacle = await findObstacle();
  if (obstacle !== null) return { works: false, detail: obstacle };
  const key = await cacheKey();
  const known = fresh ? null : await readCache(key);
  if (known !== null) return known;
  const run = await runOn("kvm", { append: "probe", media: "kernel", timeoutSeconds });
  const probe = readProbe(run);
  if (!isConclusive(run)) return probe;
  await mkdir(dirname(cachePath), { recursive: true });
  await writeFile(cachePath, `${JSON.stringify({ key, probe }, null, 2)}\n`);
  return probe;
}

/** What makes running the probe pointless, or null. */
async function findObstacle(): Promise<string | null> {
  const accessible = await access(kvmDevice, constants.R_OK | constants.W_OK).then(
    () => null,
    (error: NodeJS.ErrnoException) => error.code,
  );
  if (accessible === "ENOENT") return `there is no ${kvmDevice}`;
  if (accessible !== null) return `${kvmDevice} cannot be opened (${accessible}); is this user in the group kvm?`;
  if (!isInstalled("qemu-system-x86_64")) return "QEMU is not installed (package qemu-system-x86)";
  const built = await stat(builtElf).catch(() => null);
  return built === null ? "build/basalt.elf is not built" : null;
}

/** What a run with the boot option `probe` proves. */
export function readProbe({ lines, summary }: Pick<RunResult, "lines" | "summary">): KvmProbe {
  const [line, ept, unrestricted] = lines.map((candidate) => report.exec(candidate)).find((match) => match) ?? [];
  if (line === undefined) return { works: false, detail: summary };
  const works = ept === "1" && unrestricted === "1";
  return { works, detail: works ? line : `${line}; most guests need both EPT and unrestricted guest` };
}

/** Whether another run would end in the same way: one that was killed, or that a busy machine held up, may not. */
export function isConclusive({ ended, exit }: Pick<RunResult, "ended" | "exit">): boolean {
  return ended === "result" && exit !== "panic";
}

async function cacheKey(): Promise<string> {
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
  const { mtimeMs, size } = await stat(builtElf);
  return `${boot.trim()} ${mtimeMs} ${size}`;
}

async function readCache(key: string): Promise<KvmProbe | null> {
  try {
    const cached = JSON.parse(await readFile(cachePath, "utf8")) as { key?: string; probe?: KvmProbe };
    return cached.key === key && cached.probe ? cached.probe : null;
  } catch {
    return null;
  }
}
