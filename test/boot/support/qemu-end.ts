// Boots an image by TCG without the debug exit, and lets a test look at the machine once it has ended itself.
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { startChild } from "../../../tools/emulators/process.ts";
import { qemu } from "../../../tools/emulators/qemu.ts";
import { makeRunDirectory } from "../../../tools/emulators/run-directory.ts";
import type { Image } from "../../../tools/emulators/run.ts";
import { copyIsoWithCommandLine } from "../../../tools/image/append.ts";
import { listen, Monitor, watchForEarlyEnd } from "../../../tools/emulators/qemu-monitor.ts";

export interface QemuEnd {
  /** A command of QEMU's human monitor; returns what it prints. */
  readonly ask: (command: string) => Promise<string>;
  readonly lines: readonly string[];
}

/** Boots the ISO with further QEMU options, waits until the machine asks to be switched off or reset, and has `look` see it. */
export async function lookAtEnd<T>(
  image: Image,
  append: string,
  options: readonly string[],
  look: (end: QemuEnd) => Promise<T>,
): Promise<T> {
  const directory = await makeRunDirectory();
  const iso = join(directory, "basalt.iso");
  const serialPath = join(directory, "serial.txt");
  await copyIsoWithCommandLine(image.iso, iso, append);
  const common = { media: "iso", firmware: "bios", cpu: undefined, memory: 512, debugPort: undefined } as const;
  const launch = await qemu("tcg").prepare({
    directory,
    iso,
    elf: image.elf,
    commandLine: append,
    serialPath,
    ...common,
  });
  const isDebugExit = (word: string | undefined): boolean => /^isa-debug-exit/.test(word ?? "");
  const args = launch.args.filter((word, n) => !isDebugExit(word) && !isDebugExit(launch.args[n + 1]));
  const { port, connection } = await listen();
  const words = [...args, ...options, "-no-shutdown", "-S", "-qmp", `tcp:127.0.0.1:${port}`];
  const child = await startChild(launch.command, words, directory);
  const { early, stopTimer } = watchForEarlyEnd(child, () => linesOf(serialPath).slice(-5));
  try {
    const seen = connection.then(async (socket) => {
      const monitor = new Monitor(socket);
      await monitor.execute("qmp_capabilities");
      const hasEnded = monitor.event("SHUTDOWN");
      await monitor.execute("cont");
      await hasEnded;
      const ask = async (command: string): Promise<string> =>
        (await monitor.execute("human-monitor-command", { "command-line": command })) as string;
      return look({ ask, lines: linesOf(serialPath) });
    });
    return await Promise.race([early, seen]);
  } finally {
    stopTimer();
    child.kill();
    await child.end;
    await rm(directory, { recursive: true });
  }
}

function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, "latin1").split(/\r?\n/) : [];
}
