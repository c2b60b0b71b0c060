; A Linux program that prints the time-stamp counter, which a shell cannot read.
bits 64

SYS_WRITE equ 1
SYS_EXIT  equ 60

section .text
global _start
_start:
  rdtsc
  shl rdx, 32
  or rax, rdx
  ; The digits from the last on, below a line feed.
  lea rsi, [rsp - 1]
  mov byte [rsi], 10
  mov ecx, 10
.digit:
  xor edx, edx
  div rcx
  add dl, '0'
  dec rsi
  mov [rsi], dl
  test rax, rax
  jnz .digit
  mov rdx, rsp
  sub rdx, rsi
  mov edi, 1
  mov eax, SYS_WRITE
  syscall
  xor edi, edi
  mov eax, SYS_EXIT
  syscall
