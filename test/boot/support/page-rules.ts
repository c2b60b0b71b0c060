// What must hold of the host's page tables, whoever built them: each breach as a sentence.
import { CR0_WP, EFER_NXE, hex, type Mapping, type PagingState } from "./page-walker.ts";

/** Addresses [start, end). */
export interface Range {
  readonly start: bigint;
  readonly end: bigint;
}

/** What the image has where. */
export interface Layout {
  readonly text: Range;
  readonly stacks: readonly (Range & { readonly name: string })[];
}

const pageBytes = 4096n;

/** All breaches, none where the tables are as they must be. */
export function breaches(state: PagingState, mappings: readonly Mapping[], layout: Layout): string[] {
  return [
    ...(state.cr0 & CR0_WP ? [] : ["CR0.WP is off: read-only pages can be written"]),
    ...(state.efer & EFER_NXE ? [] : ["EFER.NXE is off: every page can be executed"]),
    ...mappings.filter((page) => page.isWritable && page.isExecutable).map((page) => `${show(page)} is writable code`),
    ...sharedFrames(mappings),
    ...mappings.filter((page) => page.isUser).map((page) => `${show(page)} is open to user mode`),
    ...mappings.filter((page) => page.linear === 0n).map((page) => `${show(page)}: address 0 is mapped`),
    ...textBreaches(mappings, layout.text),
    ...layout.stacks.flatMap((stack) => stackBreaches(mappings, stack)),
  ];
}

/** Frames that one mapping lets write and another lets execute. */
function sharedFrames(mappings: readonly Mapping[]): string[] {
  const writable = mappings.filter((page) => page.isWritable);
  const executable = mappings.filter((page) => page.isExecutable);
  return executable.flatMap((code) =>
    writable
      .filter((data) => data !== code && overlap(frames(code), frames(data)))
      .map((data) => `${show(code)} is code that is writable through ${show(data)}`),
  );
}

function textBreaches(mappings: readonly Mapping[], text: Range): string[] {
  const pages = mappings.filter((page) => overlap(addresses(page), text));
  return [
    ...missing(pages, text).map((address) => `the text page ${hex(address)} is not mapped`),
    ...pages.filter((page) => page.isWritable).map((page) => `${show(page)}: the image's text is writable`),
    ...pages.filter((page) => !page.isExecutable).map((page) => `${show(page)}: the image's text is no code`),
  ];
}

function stackBreaches(mappings: readonly Mapping[], stack: Range & { readonly name: string }): string[] {
  const guard = { start: stack.start - pageBytes, end: stack.start };
  const writable = mappings.filter((page) => page.isWritable && overlap(addresses(page), stack));
  return [
    ...missing(writable, stack).map((address) => `the page ${hex(address)} of ${stack.name} is not writable`),
    ...mappings
      .filter((page) => overlap(addresses(page), guard))
      .map((page) => `${show(page)} is mapped directly below ${stack.name}`),
  ];
}

/** The pages of `range` that none of `mappings` holds. */
function missing(mappings: readonly Mapping[], range: Range): bigint[] {
  const pages = Array.from({ length: Number((range.end - range.start) / pageBytes) }, (_, n) => BigInt(n));
  return pages
    .map((n) => range.start + n * pageBytes)
    .filter((start) => !mappings.some((page) => overlap(addresses(page), { start, end: start + pageBytes })));
}

function addresses({ linear, bytes }: Mapping): Range {
  return { start: linear, end: linear + bytes };
}

function frames({ physical, bytes }: Mapping): Range {
  return { start: physical, end: physical + bytes };
}

function overlap(a: Range, b: Range): boolean {
  return a.start < b.end && b.start < a.end;
}

function show({ linear, physical, bytes }: Mapping): string {
  return `the page of ${hex(bytes)} bytes at ${hex(linear)} (frame ${hex(physical)})`;
}
