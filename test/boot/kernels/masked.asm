; Loops for ever with interrupts masked, and without an exit.

bits 32

section .text
align 4
header:
    dd 0x1badb002, 3, -(0x1badb002 + 3)

global start
start:
    cli
.again:
    jmp .again
