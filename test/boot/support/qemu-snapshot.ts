// Lets Basalt end in QEMU without the machine going away, and reads the machine's state by QEMU's monitor.
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startChild } from "../../../tools/emulators/process.ts";
import { qemu } from "../../../tools/emulators/qemu.ts";
import { makeRunDirectory } from "../../../tools/emulators/run-directory.ts";
import { builtElf, builtIso } from "../../../tools/paths.ts";
import type { ImageSymbols } from "./image-symbols.ts";
import { dataOf, type MachineState } from "./machine-state.ts";

const timeoutSeconds = 60;

/** The state at the end of a boot by TCG, after the machine powered off by ACPI. */
export async function stopInQemu(symbols: ImageSymbols, append: string): Promise<MachineState> {
  const directory = await makeRunDirectory();
  const serialPath = join(directory, "serial.txt");
  const common = { media: "kernel", firmware: "bios", cpu: undefined, memory: 512, debugPort: undefined } as const;
  const plan = { directory, iso: builtIso, elf: builtElf, commandLine: append, serialPath, ...common };
  const launch = await qemu("tcg").prepare(plan);
  // Without the debug exit Basalt powers off by ACPI, and QEMU keeps the machine for the monitor.
  const args = launch.args.filter(
    (word, n) => !/^isa-debug-exit/.test(word) && !/^isa-debug-exit/.test(launch.args[n + 1] ?? ""),
  );
  const { port, connection } = await listen();
  const words = [...args, "-no-shutdown", "-S", "-qmp", `tcp:127.0.0.1:${port}`];
  const child = await startChild(launch.command, words, directory);
  const timer = setTimeout(() => child.kill(), timeoutSeconds * 1000);
  const early = child.end.then(({ output }) => Promise.reject(new Error(`QEMU ended early: ${output}`)));
  try {
    const state = await Promise.race([
      early,
      connection.then((socket) => readState(new Monitor(socket), symbols, directory)),
    ]);
    await rm(directory, { recursive: true });
    return state;
  } finally {
    clearTimeout(timer);
    child.kill();
    await child.end;
  }
}

/** A port that QEMU connects to before it starts the machine, and the connection to come. */
export async function listen(): Promise<{ port: number; connection: Promise<Socket> }> {
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

async function readState(monitor: Monitor, symbols: ImageSymbols, directory: string): Promise<MachineState> {
  await monitor.execute("qmp_capabilities");
  const isOff = monitor.event("SHUTDOWN");
  await monitor.execute("cont");
  await isOff;
  const registers = (await monitor.execute("human-monitor-command", { "command-line": "info registers" })) as string;
  const data = dataOf(symbols);
  const path = join(directory, "memory");
  const range = { val: Number(data.start), size: Number(data.end - data.start) };
  await monitor.execute("pmemsave", { ...range, filename: path });
  const field = (name: string, column = 0): bigint => {
    const found = new RegExp(`\\b${name} *=((?: *[0-9a-f]+)+)`).exec(registers)?.[1]?.trim().split(" ")[column];
    if (found === undefined) throw new Error(`QEMU's monitor printed no ${name}:\n${registers}`);
    return BigInt(`0x${found}`);
  };
  return {
    cr0: field("CR0"),
    cr3: field("CR3"),
    cr4: field("CR4"),
    efer: field("EFER"),
    gdtBase: field("GDT"),
    taskSelector: field("TR"),
    memory: await readFile(path),
    memoryStart: data.start,
  };
}

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
    const lines = createInterface(socket).on("line", (line) => {
      const reply = JSON.parse(line) as Reply;
      if (reply.event !== undefined) this.#events.get(reply.event)?.();
      else if ("return" in reply || "error" in reply) this.#waiting.shift()?.(reply);
    });
    // The interface passes on the socket's error, as where QEMU is ended with a reply unread.
    lines.on("error", () => lines.close());
  }

  /** Settles when `name` comes; what came before does not count. */
  event(name: string): Promise<void> {
    return new Promise((resolve) => this.#events.set(name, resolve));
  }

  async execute(command: string, parameters: object = {}): Promise<unknown> {
    const reply = new Promise<Reply>((resolve) => this.#waiting.push(resolve));
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    const { return: value, error } = await reply;
    if (error !== undefined) throw new Error(`QEMU's monitor refused ${command}: ${error.desc}`);
    return value;
  }
}
