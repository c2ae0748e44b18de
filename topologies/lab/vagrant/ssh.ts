/** How to get into the machines of a Vagrantfile: what `vagrant ssh-config` says, in a file for ssh. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NetnsError } from '../netns/error.ts'
import { run } from '../netns/run.ts'

const NOT_UP = /not yet ready for SSH/
const VAGRANT_TIMEOUT_MS = 120_000

export interface SshConfig {
  readonly file: string
  /** Of ssh, up to and with the machine: what follows is a command there. */
  arguments(machine: string): string[]
  close(): void
}

/** @param folder of the Vagrantfile. @throws NetnsError when a machine is not up, RunError for what else Vagrant says */
export async function sshConfig(
  folder: string,
  machines: readonly string[],
  signal?: AbortSignal,
): Promise<SshConfig> {
  const command = ['vagrant', 'ssh-config', ...machines]
  const { stdout } = await run(['env', '-C', folder, ...command], {
    signal,
    timeoutMs: VAGRANT_TIMEOUT_MS,
  }).catch((cause: Error) => {
    if (!NOT_UP.test(cause.message)) throw cause
    throw new NetnsError(`not all of ${machines.join(', ')} are up: vagrant up`, { cause })
  })
  const directory = mkdtempSync(join(tmpdir(), 'weft-vagrant-'))
  const file = join(directory, 'ssh-config')
  writeFileSync(file, stdout, { mode: 0o600 })
  const options = ['-o', 'BatchMode=yes', '-o', 'ServerAliveInterval=15']
  return {
    file,
    arguments: (machine) => ['-F', file, ...options, machine],
    close: () => rmSync(directory, { recursive: true, force: true }),
  }
}
