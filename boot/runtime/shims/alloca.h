// wasm2c's output includes this and, without tail calls, uses none of it.
#pragma once
