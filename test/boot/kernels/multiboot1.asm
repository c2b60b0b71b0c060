; A Multiboot kernel that prints what the loader told it, and the state that it started in; ends with the value 0x2a.

%include "header.inc"

%include "serial.inc"

global start
start:
    mov esp, stack_top
    mov [magic], eax
    mov [information], ebx
    mov eax, cr0
    mov [start_cr0], eax
    pushfd
    pop dword [start_flags]
    com1_start
    print "hello from a Multiboot kernel", 13, 10
    print_field [magic], "magic "
    print_field [start_cr0], " cr0 "
    print_field [start_flags], " flags "
    print_field [zeroes], " bss "
    new_line
    mov ebx, [information]
    print_field [ebx], "information flags "
    print_field [ebx + 4], " lower "
    print_field [ebx + 8], " upper "
    print_field [ebx + 20], " modules "
    new_line
    print "command line: "
    mov esi, [ebx + 16]
    call put_text
    new_line
    print "loader: "
    mov esi, [ebx + 64]
    call put_text
    new_line
    mov edi, [ebx + 48]
    mov ebp, [ebx + 44]
    add ebp, edi
.entry:
    cmp edi, ebp
    jae .behind
    print_field [edi + 8], "map "
    print_field [edi + 4], ""
    print_field [edi + 16], " + "
    print_field [edi + 12], ""
    print_field [edi + 20], " type "
    new_line
    add edi, [edi]
    add edi, 4
    jmp .entry
.behind:
    exit_with 0x2a
    print "this is not reached", 13, 10
.halt:
    hlt
    jmp .halt

section .bss
align 16
magic: resd 1
information: resd 1
start_cr0: resd 1
start_flags: resd 1
zeroes: resd 1
