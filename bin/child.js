// Runs another program and is its faithful stand-in: passes signals on, waits for its end, takes over its exit code.
//
// Plain JavaScript for Node 20 without packages, because set-up runs before either is there. Ctrl-C reaches a
// program up to three times (from the terminal, from npm, from here); the program has to bear that. What may not
// happen is that the launcher dies first and leaves a lab that nobody waits for.
// Neighbours: setup.js (runs npm), launch.js and test/run.js (run Weft itself).

import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/** The signals that ask a program to stop, and that are passed on. */
const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** A program that was stopped by a signal: the caller stops too, with `exitCode`. */
export class Interrupted extends Error {
  constructor(command, exitCode) {
    super(`${command} was interrupted`)
    this.name = 'Interrupted'
    this.exitCode = exitCode
  }
}

/**
 * Runs `command` to its end with this process's own input and output.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>} its exit code; 128 + number when a signal ended it
 */
export async function run(command, args, options = {}) {
  const { code } = await start(command, args, { stdio: 'inherit', ...options })
  return code
}

/**
 * Runs `command` without showing its output.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<{ code: number, output: string }>} `output` is stdout and stderr as they came
 * @throws {Interrupted} when this process was asked to stop meanwhile
 */
export async function capture(command, args, options = {}) {
  const { code, output, signal } = await start(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  })
  if (signal) throw new Interrupted(command, 128 + constants.signals[signal])
  return { code, output }
}

function start(command, args, options) {
  const child = spawn(command, args, options)
  let asked
  const forward = (signal) => {
    asked ??= signal
    child.kill(signal)
  }
  for (const signal of forwarded) process.on(signal, forward)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      resolve({ code: code ?? 128 + constants.signals[signal], output, signal: asked })
    })
  }).finally(() => {
    for (const signal of forwarded) process.off(signal, forward)
  })
}
