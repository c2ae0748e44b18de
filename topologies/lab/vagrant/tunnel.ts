/** REST of the controller's machine, which listens there alone, on a port of 127.0.0.1 here. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { NetnsError } from '../netns/error.ts'
import { openRelay } from '../netns/relay.ts'
import type { SshConfig } from './ssh.ts'

const REST = '127.0.0.1:8080'
/** Of what ssh has said. */
const LAST_WORDS = 1000

export interface Tunnel {
  /** `http://127.0.0.1:PORT`; while nobody serves there, connections are closed as they come. */
  readonly url: string
  close(): Promise<void>
}

/** @param onFault it has ended by itself: REST is gone for as long as the lab is open */
export async function openTunnel(
  ssh: SshConfig,
  machine: string,
  onFault: (error: Error) => void,
): Promise<Tunnel> {
  const socket = join(dirname(ssh.file), 'rest.sock')
  const relay = await openRelay(socket)
  const options = ['StreamLocalBindUnlink=yes', 'ExitOnForwardFailure=yes']
  const forward = [...options.flatMap((each) => ['-o', each]), '-L', `${socket}:${REST}`]
  // It ends with its input, and so with this process, however that ends.
  const child = spawn('ssh', [...forward, ...ssh.arguments(machine), 'cat'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  })
  let [said, isClosed] = ['', false]
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-LAST_WORDS)
  })
  const closed = once(child, 'close')
    .catch(({ message }: Error) => {
      said += message
    })
    .then(() => {
      if (!isClosed)
        onFault(new NetnsError(`the way to REST on ${machine} is gone: ${said.trim()}`))
    })
  return {
    url: `http://127.0.0.1:${relay.port}`,
    async close() {
      isClosed = true
      await relay.close()
      child.kill('SIGTERM')
      await closed
    },
  }
}
