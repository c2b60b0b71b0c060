// The serial line as a connection that an emulator makes to this process: lines come in, and commands go out.
import { once } from "node:events";
import { closeSync, openSync, writeSync } from "node:fs";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { SerialLine } from "./serial.ts";

type Listeners = ConstructorParameters<typeof SerialLine>;

export class SerialSocket extends SerialLine {
  readonly #server: Server;
  readonly #file: number;
  #socket: Socket | null = null;
  #isOpen = true;

  private constructor(server: Server, path: string, ...listeners: Listeners) {
    super(...listeners);
    this.#server = server;
    this.#file = openSync(path, "w");
    server.on("connection", (socket) => this.#accept(socket));
  }

  /** Waits for an emulator at a free port of this host; what it sends is kept in the file at `path` too. */
  static async open(path: string, ...listeners: Listeners): Promise<SerialSocket> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new SerialSocket(server, path, ...listeners);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Sends a line; what nobody is connected for is lost. */
  send(line: string): void {
    this.#socket?.write(`${line}\n`);
  }

  /** Sends bytes as they are; the same holds. */
  write(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  /** Settles when the emulator has ended the connection, and all that it sent is there; at once if it made none. */
  async ended(): Promise<void> {
    if (this.#socket !== null && !this.#socket.closed) await once(this.#socket, "close");
  }

  override close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#server.close();
    this.#socket?.destroy();
    closeSync(this.#file);
    this.finish();
  }

  /** One machine has one line. */
  #accept(socket: Socket): void {
    if (this.#socket !== null) return void socket.destroy();
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (bytes) => {
      if (!this.#isOpen) return;
      writeSync(this.#file, bytes);
      this.receive(bytes);
    });
    // A machine that is killed resets its connection; "close" follows.
    socket.on("error", () => {});
  }
}
