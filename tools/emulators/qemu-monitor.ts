// Boots Basalt in QEMU, stops the machine at its end, and asks QEMU's monitor about it.
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { ToolError } from "../errors.ts";
import { copyIsoWithCommandLine } from "../image/append.ts";
import { builtElf, builtIso } from "../paths.ts";
import { requireProgram } from "../programs.ts";
import type { Firmware, Media } from "./machine.ts";
import { startChild, type Child } from "./process.ts";
import { qemu } from "./qemu.ts";
import { makeRunDirectory } from "./run-directory.ts";
import { defaultMemory, shownLines, type Image } from "./run.ts";
import { SerialFile } from "./serial.ts";

/** The limit for coming to where the machine is looked at, and for the looking. */
const limitSeconds = 100;

/** Where the machine asks to be switched off or reset. */
export const machineEnd = Symbol("the machine's end");

/** A boot by TCG, and where it is stopped. */
export interface StoppedBoot {
  readonly media: Media;
  readonly firmware: Firmware;
  readonly append: string;
  readonly cpu?: string;
  /** Whether the machine has COM1; it has unless this is false. */
  readonly hasSerial?: boolean;
  /** False: the ELF finds none, as if something else than a loader of its protocols had started it. */
  readonly hasBootInformation?: boolean;
  /**
   * The function before whose first instruction the machine stops, the one that follows the result line unless it is given;
   * or `machineEnd`.
   */
  readonly stopAt?: string | typeof machineEnd;
  /** The image, the built one unless it is given. */
  readonly image?: Image;
  /** Further words for QEMU's command line. */
  readonly options?: readonly string[];
}

/** A machine that has stopped. */
export interface StoppedMachine {
  readonly monitor: Monitor;
  /** What came on COM1. */
  readonly lines: readonly string[];
  /** Where files may be put while `read` runs. */
  readonly directory: string;
}

/** Boots, stops the machine, and has `read` look at it. */
export async function readStoppedMachine<T>(
  boot: StoppedBoot,
  read: (machine: StoppedMachine) => Promise<T>,
): Promise<T> {
  const machine = qemu("tcg");
  requireProgram(machine.program, machine.debianPackage, "emulator");
  const image = boot.image ?? { elf: builtElf, iso: builtIso };
  const stopAt = boot.stopAt ?? "serial_drain";
  const address = stopAt === machineEnd ? null : await addressOf(stopAt);
  const directory = await makeRunDirectory();
  const [monitors, stubs] = [await listen(), await listen()];
  const plan = {
    directory,
    iso: join(directory, "basalt.iso"),
    elf: image.elf,
    commandLine: boot.append,
    serialPath: join(directory, "serial.txt"),
    media: boot.media,
    firmware: boot.firmware,
    cpu: boot.cpu,
    memory: defaultMemory,
    debugPort: undefined,
    control: { monitorPort: monitors.port, stubPort: stubs.port },
  };
  const refusal = machine.refuse(plan);
  if (refusal !== null) throw new ToolError("usage", refusal);
  if (plan.media === "iso") await copyIsoWithCommandLine(image.iso, plan.iso, plan.commandLine);
  const launch = await machine.prepare(plan);
  const serial = new SerialFile(plan.serialPath, () => {});
  const withoutSerial = launch.args.map((word) => (word === `file:${plan.serialPath}` ? "none" : word));
  const args = boot.hasSerial === false ? withoutSerial : launch.args;
  const child = await startChild(launch.command, [...args, ...(boot.options ?? [])], directory);
  const { early, stopTimer } = watchForEarlyEnd(child, () => serial.lastLines(shownLines));
  const played = async (): Promise<T> => {
    const monitor = new Monitor(await monitors.connection);
    await monitor.execute("qmp_capabilities");
    const stub = new Stub(await stubs.connection);
    if (boot.hasBootInformation === false) {
      await stub.runTo(await addressOf("pvh_entry"));
      await stub.zeroRbx();
    }
    if (address === null) await monitor.runToEnd();
    else await stub.runTo(address);
    serial.close();
    return read({ monitor, lines: serial.lines, directory });
  };
  try {
    const result = await Promise.race([early, played()]);
    await rm(directory, { recursive: true });
    return result;
  } finally {
    stopTimer();
    serial.close();
    child.kill();
    await child.end;
  }
}

/**
 * Ends `child`, a QEMU, at the limit. `early` rejects when it ends, with a ToolError that says why, and what `lastLines`
 * has of the machine's.
 */
export function watchForEarlyEnd(
  child: Child,
  lastLines: () => readonly string[],
  limit = limitSeconds,
): { readonly early: Promise<never>; readonly stopTimer: () => void } {
  let isOverdue = false;
  const timer = setTimeout(() => {
    isOverdue = true;
    child.kill();
  }, limit * 1000);
  const early = child.end.then(({ output, exitCode, signal }): never => {
    const lines = lastLines();
    const printed = lines.length === 0 ? "The machine printed nothing." : `Last printed:\n  ${lines.join("\n  ")}`;
    if (isOverdue) {
      throw new ToolError("timeout", `The machine in QEMU did not come to its end within ${limit} s. ${printed}`);
    }
    const how = `QEMU ended before the machine did, with ${signal ?? `exit code ${exitCode}`}`;
    throw new ToolError("emulator", `${how}: ${output.trim()}\n${printed}`);
  });
  return { early, stopTimer: () => clearTimeout(timer) };
}

async function addressOf(symbol: string): Promise<string> {
  const { stdout } = await execa("nm", [builtElf]);
  const address = new RegExp(`^0*([0-9a-f]+) . ${symbol}$`, "m").exec(stdout)?.[1];
  if (address !== undefined) return address;
  throw new ToolError("build", `${builtElf} has no symbol ${symbol}, at which the machine should stop.`);
}

/** A port that QEMU connects to before it starts the machine, and the connection to come. */
async function listen(): Promise<{ port: number; connection: Promise<Socket> }> {
  const server = createServer().listen(0, "127.0.0.1").unref();
  await once(server, "listening");
  const connection = once(server, "connection").then(([socket]: Socket[]) => {
    server.close();
    // How QEMU ended is told by the process.
    socket!.on("error", () => socket!.destroy());
    return socket!;
  });
  return { port: (server.address() as AddressInfo).port, connection };
}

/** QEMU's gdb stub: a command's answer is the packet that follows it. */
class Stub {
  readonly #socket: Socket;
  readonly #waiting: ((packet: string) => void)[] = [];
  #rest = "";

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (data) => {
      this.#rest += data.toString("latin1");
      for (let found = packet.exec(this.#rest); found !== null; found = packet.exec(this.#rest)) {
        this.#rest = this.#rest.slice(found.index + found[0].length);
        this.#waiting.shift()?.(found[1]!);
      }
    });
  }

  execute(command: string): Promise<string> {
    const sum = [...command].reduce((total, character) => total + character.charCodeAt(0), 0) & 0xff;
    const answer = new Promise<string>((resolve) => this.#waiting.push(resolve));
    this.#socket.write(`+$${command}#${sum.toString(16).padStart(2, "0")}`);
    return answer;
  }

  /** Runs the machine up to the instruction at `address`; a hardware breakpoint needs no code to be there yet. */
  async runTo(address: string): Promise<void> {
    await this.#expect(`Z1,${address},1`, "OK");
    let stopped = await this.execute("c");
    // The stub stops the machine once when somebody connects: SIGINT.
    while (stopped.startsWith("T02")) stopped = await this.execute("c");
    if (!stopped.startsWith("T05"))
      throw new ToolError("emulator", `QEMU's gdb stub did not run the machine: ${stopped}`);
    await this.#expect(`z1,${address},1`, "OK");
  }

  /** Zeroes RBX: the second of the registers, 16 digits each. */
  async zeroRbx(): Promise<void> {
    const registers = await this.execute("g");
    await this.#expect(`G${registers.slice(0, 16)}${"0".repeat(16)}${registers.slice(32)}`, "OK");
  }

  async #expect(command: string, answer: string): Promise<void> {
    const found = await this.execute(command);
    if (found !== answer) throw new ToolError("emulator", `QEMU's gdb stub answered ${command} with "${found}"`);
  }
}

/** What the gdb stub sends: the content, and a sum of two digits. */
const packet = /\$([^#]*)#[0-9a-f]{2}/;

interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly event?: string;
}

/** QEMU's machine protocol: one JSON object a line; a command's reply is the next line that is no event. */
export class Monitor {
  readonly #socket: Socket;
  readonly #waiting: ((reply: Reply) => void)[] = [];
  readonly #events = new Map<string, () => void>();

  constructor(socket: Socket) {
    this.#socket = socket;
    const lines = createInterface(socket);
    // It repeats the socket's errors.
    lines.on("error", () => {});
    lines.on("line", (line) => {
      const reply = JSON.parse(line) as Reply;
      if (reply.event !== undefined) this.#events.get(reply.event)?.();
      else if ("return" in reply || "error" in reply) this.#waiting.shift()?.(reply);
    });
  }

  /** Runs the machine until it asks to be switched off or reset. */
  async runToEnd(): Promise<void> {
    const hasEnded = new Promise<void>((resolve) => this.#events.set("SHUTDOWN", resolve));
    await this.execute("cont");
    await hasEnded;
  }

  /** A command of QEMU's human monitor; returns what it prints. */
  async ask(command: string): Promise<string> {
    return (await this.execute("human-monitor-command", { "command-line": command })) as string;
  }

  async execute(command: string, parameters: object = {}): Promise<unknown> {
    const reply = new Promise<Reply>((resolve) => this.#waiting.push(resolve));
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    const { return: value, error } = await reply;
    if (error !== undefined) throw new ToolError("emulator", `QEMU's monitor refused ${command}: ${error.desc}`);
    return value;
  }
}
