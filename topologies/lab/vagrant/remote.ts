/** `node remote.ts SSH-CONFIG MACHINE COMMAND…`: the command there as root, with this one's terminal, if it has one, and its exit code. */
import { spawn } from 'node:child_process'

const [file = '', machine = '', ...argv] = process.argv.slice(2)
const quoted = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
const terminal = process.stdin.isTTY ? ['-t'] : []
const child = spawn('ssh', ['-F', file, ...terminal, machine, `sudo ${quoted || '-i'}`], {
  stdio: 'inherit',
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.on('close', (code) => {
  process.exitCode = code ?? 1
})
