/** The store of `api`: ports in networks of 100, each network on 20 of 1,000 hosts; or nowhere yet. */
import { Store } from '../../../controller/store/store.ts'
import { put } from '../../controller/model/site.ts'

const PORTS_PER_NETWORK = 100
const HOSTS = 1000
const HOSTS_PER_NETWORK = 20

/** As a client has put port n; the same for everybody. */
export function specOf(n: number) {
  const network = Math.floor(n / PORTS_PER_NETWORK)
  const within = n % PORTS_PER_NETWORK
  const host = (network * 7 + (within % HOSTS_PER_NETWORK) * 37) % HOSTS
  const perHost = PORTS_PER_NETWORK / HOSTS_PER_NETWORK
  const ofport = 1 + network * perHost + Math.floor(within / HOSTS_PER_NETWORK)
  return { network: `n${network}`, hostId: `h${host}`, ofport }
}

const by = { who: 'bench', requestId: '00000000-0000-4000-8000-000000000000', via: 'bench' }

/** Ports that are nowhere yet, each a revision of its own, as if they had come one by one. */
export async function makeSite(path: string, ports: number): Promise<void> {
  const store = Store.open(path)
  const hosts = Array.from({ length: HOSTS }, (_, n) =>
    put('host', `h${n}`, {
      ...{ kind: 'ovs', systemId: `h${n}`, underlayMtuBytes: 9050 },
      vtepAddress: `192.0.${2 + (n >> 8)}.${n & 255}`,
    }),
  )
  const networks = Array.from({ length: ports / PORTS_PER_NETWORK }, (_, n) => [
    put('network', `acme/n${n}`, { mtuBytes: 1450 }),
    put('subnet', `acme/n${n}`, { network: `n${n}`, cidr: `10.${n >> 8}.${n & 255}.0/24` }),
  ])
  store.commit([...hosts, put('tenant', 'acme', {}), ...networks.flat()], by)
  for (let from = 0; from < ports; from += 1000) {
    const group = Array.from({ length: 1000 }, (_, i) =>
      put('port', `acme/p${from + i}`, { network: specOf(from + i).network }),
    )
    await Promise.all(group.map((edit) => store.commitDurably([edit], by)))
  }
  store.close()
}

/** Puts every port where it is, in one revision. */
export function placePorts(path: string, ports: number): void {
  const store = Store.open(path)
  const edits = Array.from({ length: ports }, (_, n) => put('port', `acme/p${n}`, specOf(n)))
  store.commit(edits, by)
  store.close()
}
