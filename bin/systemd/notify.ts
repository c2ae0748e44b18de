/**
 * Tells systemd that a service is ready, that it stops, and that its event loop still turns: sd_notify(3), for units of
 * Type=notify. Node has no datagram sockets of the unix family, so the C library is asked; where nobody started us by such a
 * unit nothing is loaded and nothing said. Neighbours: weft-serve.service, weft-agent.service.
 */
import { env, pid } from 'node:process'
import { addressOf, libc } from '../../dataplane/ports/libc.ts'

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000

export interface Service {
  /** It has been told to stop, and is about to. */
  stopping(): void
}

export interface NotifyLog {
  warn(fields: object, event: string): void
}

/** Says that it is ready, and from now on that it lives, as often as WATCHDOG_USEC wants to hear it. */
export function startedService(log: NotifyLog): Service {
  const { NOTIFY_SOCKET: path, WATCHDOG_USEC: usec, WATCHDOG_PID: watched } = env
  if (path === undefined || path === '') return { stopping() {} }
  const say = (state: string): void => {
    try {
      notify(path, state)
    } catch (error) {
      log.warn({ path, reason: (error as Error).message }, 'systemd was not told')
    }
  }
  say('READY=1')
  const isWatched = Number(usec) > 0 && (watched ?? `${pid}`) === `${pid}`
  // Twice in the time that it is given, as sd_watchdog_enabled(3) recommends.
  const beat = isWatched ? setInterval(say, Number(usec) / 2000, 'WATCHDOG=1').unref() : undefined
  return {
    stopping() {
      clearInterval(beat)
      say('STOPPING=1')
    },
  }
}

/** @throws LibcError when nobody listens there */
function notify(path: string, state: string): void {
  const { socket, connect, send, close } = libc()
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  try {
    connect(fd, addressOfSocket(path))
    const text = Buffer.alloc(128)
    send(fd, addressOf(text), text.write(state))
  } finally {
    close(fd)
  }
}

/** struct sockaddr_un; '@' is the abstract namespace, whose names begin with a zero and end with their length. */
function addressOfSocket(path: string): Uint8Array {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`)
  const address = new Uint8Array(2 + name.length)
  // In the machine's own order of bytes.
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX
  address.set(name, 2)
  return address
}
