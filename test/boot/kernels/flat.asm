; A flat binary, whose bytes look like a Multiboot kernel's all the same: prints what it was told, and ends with 0x2a.

org 0x100000
bits 32

    jmp start

%include "serial.inc"

start:
    mov esp, stack_top
    com1_start
    print "hello from a flat binary", 13, 10
    ; hvm_start_info
    print_field [ebx], "magic "
    print_field [ebx + 4], " version "
    new_line
    print "command line: "
    mov esi, [ebx + 24]
    call put_text
    new_line
    exit_with 0x2a

    align 4
    dd 0x1badb002, 3, -(0x1badb002 + 3)

    align 16
    times 1024 db 0
stack_top:
