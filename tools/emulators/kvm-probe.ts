// Finds out whether KVM with VMX or SVM works on this machine, by having Basalt itself switch that on under it.
import { constants } from "node:fs";
import { access, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { builtElf, buildDirectory } from "../paths.ts";
import { isInstalled } from "../programs.ts";
import { runOn, type RunResult } from "./run.ts";
import type { Vendor } from "./vendor.ts";

/** What the probe found. `detail` is the line that Basalt printed, or the reason why it could not. */
export interface KvmProbe {
  readonly works: boolean;
  /** Whose virtualization Basalt could switch on; null: none. It may lack what most guests need. */
  readonly vendor: Vendor | null;
  readonly detail: string;
}

const kvmDevice = "/dev/kvm";
const cachePath = join(buildDirectory, "kvm-probe.json");
const timeoutSeconds = 20;

/** What Basalt prints on the boot option `probe`, after VMXON or with EFER.SVME. Nothing else counts. */
interface ProbeReport {
  readonly vendor: Vendor;
  readonly line: RegExp;
  /** The figures that must be 1, and what is said where one is not. */
  readonly needed: readonly string[];
  readonly lacking: string;
}

const reports: readonly ProbeReport[] = [
  {
    vendor: "intel",
    line: /^basalt: probe vmx ok feature-control=\S+ ept=(?<ept>\d) unrestricted-guest=(?<unrestricted>\d)$/,
    needed: ["ept", "unrestricted"],
    lacking: "most guests need both EPT and unrestricted guest",
  },
  {
    vendor: "amd",
    line: /^basalt: probe svm ok nested-paging=(?<paging>\d) next-rip=\d decode-assists=\d asids=\d+$/,
    needed: ["paging"],
    lacking: "guests need nested paging",
  },
];

/**
 * Answers whether Basalt can run under KVM here. The answer of a run with a result holds as long as the machine is up
 * and the image is the same; `fresh` asks again. That /dev/kvm can be opened proves nothing: it may be a KVM without VMX and SVM.
 */
export async function probeKvm(fresh = false): Promise<KvmProbe> {
  const obstacle = await findObstacle();
  if (obstacle !== null) return { works: false, vendor: null, detail: obstacle };
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
  for (const { vendor, line, needed, lacking } of reports) {
    const found = lines.map((candidate) => line.exec(candidate)).find((match) => match !== null);
    if (found === undefined) continue;
    const works = needed.every((figure) => found.groups?.[figure] === "1");
    return { works, vendor, detail: works ? found[0] : `${found[0]}; ${lacking}` };
  }
  return { works: false, vendor: null, detail: summary };
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
