/** A controller that speaks TLS on 127.0.0.1, with its folder of keys and two hosts in its model. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { Controller } from '../../../controller/controller.ts'
import type { ControllerEvent } from '../../../controller/northbound/realization.ts'
import { noLog } from '../../../controller/reconciler/log.ts'
import { Store } from '../../../controller/store/store.ts'
import { type CredentialFiles, credentials } from '../../../controller/tls/credentials.ts'
import { type PkiFolder, pkiFolder } from '../../../controller/tls/pki-folder.ts'
import { memoryPort } from '../../../dataplane/ports/memory.ts'
import { setManager } from '../../../dataplane/switch/operator.ts'
import { Switch } from '../../../dataplane/switch/switch.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import { dial } from '../../../southbound/wire/stream.ts'

export const DAY_S = 86_400

export interface TlsSite {
  readonly pki: PkiFolder
  readonly directory: string
  readonly store: Store
  readonly ovsdb: string
  readonly openflow: string
  readonly url: string
  events(): readonly ControllerEvent[]
  /** The first event that is so; waits for it. */
  event(type: string, words: string, after?: number): Promise<ControllerEvent>
  close(): Promise<void>
}

/** @param files of the controller; default: made by `pki` */
export async function openTlsSite(files?: CredentialFiles): Promise<TlsSite> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-tls-'))
  const pki = pkiFolder(join(directory, 'pki'), { now: Date.now })
  pki.makeAuthority({ validSeconds: DAY_S })
  const tls = files ?? pki.issueController(['127.0.0.1'], { validSeconds: DAY_S })
  const store = Store.open(':memory:')
  const hosts = ['h1', 'h2'].map((key, i) => ({
    collection: 'host' as const,
    key,
    spec: { vtepAddress: `192.0.2.1${i + 1}` },
  }))
  store.commit(hosts, { who: 'test' })
  const [ovsdb, openflow] = [await freePort(), await freePort()]
  const at = (port: number) => ({ host: '127.0.0.1', port })
  const controller = await Controller.start({
    ...{ store, tls, rest: at(0), ovsdb: at(ovsdb), openflow: at(openflow) },
  })
  const events = () => controller.events.since()
  return {
    pki,
    directory,
    store,
    ovsdb: `ssl:127.0.0.1:${ovsdb}`,
    openflow: `ssl:127.0.0.1:${openflow}`,
    url: controller.url,
    events,
    async event(type, words, after = 0) {
      for (let i = 0; i < 750; i++) {
        const found = events().find(
          (event) => event.id > after && event.type === type && event.message.includes(words),
        )
        if (found) return found
        await delay(20)
      }
      throw new Error(`no event ${type} with '${words}': ${JSON.stringify(events(), null, 1)}`)
    },
    async close() {
      await controller.close()
      store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Weft's own switch as a host that dials with these files. */
export function startWeftHost(systemId: string, files: CredentialFiles, manager: string): Switch {
  const tls = credentials(files, { clock: systemClock, log: noLog })
  const own = (target: string, signal: AbortSignal): Promise<Duplex> =>
    dial(target, { tls, signal })
  const port = memoryPort({ name: 'phy0', mac: 0x0200_0000_0012, mtuBytes: 1500 })
  const device = new Switch({
    ...{
      systemId,
      dial: own,
      underlay: { port, mac: port.mac, addresses: ['192.0.2.12'], mtuBytes: 1500 },
    },
  })
  setManager(device, manager)
  return device
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}
