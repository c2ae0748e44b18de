/**
 * The control connections of a memory lab over TLS: real sockets on 127.0.0.1, the listeners of `weft serve`, a key and
 * certificate for each host in a temporary folder. Neighbours: lab.ts, ../certificates.ts.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { ControllerOptions } from '../../../controller/controller.ts'
import { noLog } from '../../../controller/reconciler/log.ts'
import { credentials } from '../../../controller/tls/credentials.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import { dial } from '../../../southbound/wire/stream.ts'
import { makeCertificates } from '../certificates.ts'
import type { LabDocument } from '../lab.ts'

export interface SecureControl {
  /** For the controller. */
  readonly options: Pick<ControllerOptions, 'tls' | 'ovsdb' | 'openflow'>
  /** How the host with this system-id dials. */
  dialOf(systemId: string): (target: string, signal: AbortSignal) => Promise<Duplex>
  /** Removes keys and certificates. */
  close(): void
}

/** @throws LabTlsError */
export function secureControl(document: LabDocument, address: string): SecureControl {
  const directory = mkdtempSync(join(tmpdir(), 'weft-lab-'))
  const close = () => rmSync(directory, { recursive: true, force: true })
  const at = { host: address, port: 0 }
  try {
    const pki = makeCertificates(document, { directory, controller: address })
    return {
      options: { tls: pki.controller, ovsdb: at, openflow: at },
      dialOf(systemId) {
        const tls = credentials(pki.host(systemId), { clock: systemClock, log: noLog })
        return (target, signal) => dial(target, { tls, signal })
      },
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}
