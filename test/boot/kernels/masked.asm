; Loops for ever with interrupts masked, and without an exit.

%include "header.inc"

global start
start:
    cli
.again:
    jmp .again
