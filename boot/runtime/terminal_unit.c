// The terminal module: screen and keyboard, in an instance that reaches its own memory, which from 0 on is the screen
// itself, and four ports (hv/terminal).
#include "runtime.h"

enum { OWN_BYTES = 256 << 10, MAXIMUM_SCREEN_BYTES = 64 << 20, SCREEN_UNMAPPABLE = 1 }; // hv/shared/screen.ts
// The keyboard controller's ports, 0x60 and 0x64, and those of VGA's cursor, 0x3D4 and 0x3D5.
#define IS_OWN_PORT(port) (((port) & ~4u) == 0x60 || ((port) & ~1u) == 0x3D4)

struct w2c_env; // for both modules of imports: the base of the terminal's memory
struct w2c_ports;

static void w2c_env_abort(struct w2c_env *env, u32 message, u32 file, u32 line, u32 column) {
  put_assertion((u8 *)env, MODULE_OWN_START, OWN_BYTES, message, file, line, column);
  panic_at(RESULT_ASSERTION, "assertion", CALL_SITE, CALLER_FRAME);
}

static u32 w2c_ports_in8(struct w2c_ports *ports, u32 port) { return IS_OWN_PORT(port) ? in8(port) : 0xFF; }
static void w2c_ports_out8(struct w2c_ports *ports, u32 port, u32 value) { if (IS_OWN_PORT(port)) out8(port, value); }

#include "terminal_module.c.inc"

static __attribute__((aligned(4096))) u8 state[INSTANCE_STATE_BYTES], own[OWN_BYTES];
static w2c_terminal *const terminal = (w2c_terminal *)INSTANCE_STATE(TERMINAL_INSTANCE);
static u8 *const memory = (u8 *)INSTANCE_MEMORY(TERMINAL_INSTANCE);
static u32 root;
// False too while the terminal draws: a fault in there, or of another CPU meanwhile, is reported on COM1 alone.
static bool is_idle SHARED;

void terminal_start(void) {
  paging_map((u64)terminal, (u64)state, sizeof state, PAGE_WRITE);
  paging_map((u64)memory + MODULE_OWN_START, (u64)own, sizeof own, PAGE_WRITE);
  wasm2c_terminal_instantiate(terminal, (struct w2c_env *)memory, (struct w2c_ports *)memory);
  w2c_terminal_start(terminal);
  root = w2c_terminal_create(terminal);
}

// Maps the screen, which core has found to lie in the CPU's addresses, and has the terminal draw on it: its answer.
u32 w2c_hardware_openScreen(struct w2c_hardware *h, u64 physical, u32 pitch, u32 width, u32 height, u32 bits, u32 red,
                            u32 green, u32 blue) {
  u64 offset = physical % PAGE_SIZE, start = physical - offset;
  u64 bytes = (offset + (u64)pitch * height + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
  if (bytes > MAXIMUM_SCREEN_BYTES || (start < (u64)image_end && start + bytes > (u64)image_start) ||
      !paging_map((u64)memory, start, bytes, PAGE_UNCACHED))
    return SCREEN_UNMAPPABLE;
  u32 answer = w2c_terminal_open(terminal, root, offset, pitch, width, height, bits, red, green, blue);
  is_idle = answer > 0xFFFF;
  return answer;
}

void terminal_write(const u8 *text, u32 length) {
  if (!is_idle) return;
  is_idle = false;
  for (u32 i = !text[0]; i < length; i++) w2c_terminal_write(terminal, root, text[i]);
  is_idle = true;
}

u32 w2c_hardware_hasKeyboard(struct w2c_hardware *h) { return w2c_terminal_hasKeyboard(terminal, root); }
u32 w2c_hardware_readKey(struct w2c_hardware *h) { return w2c_terminal_readKey(terminal, root); }
