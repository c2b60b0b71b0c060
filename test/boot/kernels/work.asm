; Has a fixed amount of work, 60 million instructions, and prints how many ticks passed meanwhile. Ends with the value 0.

INSTRUCTIONS equ 60000000

%include "header.inc"

%include "serial.inc"

global start
start:
    mov esp, stack_top
    sti                         ; no device sends one; in Bochs 2.7 the host's would not come in either with IF 0
    com1_start
    rdtsc
    mov [began], eax
    mov ecx, INSTRUCTIONS / 2
.again:
    dec ecx
    jnz .again
    rdtsc
    sub eax, [began]
    mov [passed], eax
    print_field [passed], "done, ticks "
    new_line
    exit_with 0

section .bss
align 16
began: resd 1
passed: resd 1
