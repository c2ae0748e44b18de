/**
 * The network of a switch that is a process: sockets, and TLS with the keys that the SSL row of the
 * database names, read anew for every handshake.
 * Neighbours: southbound/wire/remote.ts asks for it; rundir.ts has the sockets that ovs-vsctl and
 * ovs-ofctl look for.
 */
import { readFileSync } from 'node:fs'
import type { RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { Network } from '../../southbound/wire/remote.ts'
import type { TlsOptions } from '../../southbound/wire/secure.ts'
import { dial, listen } from '../../southbound/wire/stream.ts'

/** Paths of PEM files. */
export type TlsFiles = Pick<RowOf<'SSL'>, 'private_key' | 'certificate' | 'ca_cert'>

/** The keys in these files, as they are now. @throws Error of node:fs, or when there are no files */
export function readTls(files: TlsFiles | undefined): TlsOptions {
  if (!files) throw new Error('there is no SSL row: ovs-vsctl set-ssl KEY CERTIFICATE CA')
  return {
    key: readFileSync(files.private_key),
    cert: readFileSync(files.certificate),
    ca: readFileSync(files.ca_cert),
  }
}

/** @param files what the SSL row says at the moment */
export function socketNetwork(files: () => TlsFiles | undefined): Network {
  const tls = () => readTls(files())
  return {
    dial: (target, signal) => dial(target, { tls, signal }),
    async listen(target, accept) {
      const listener = await listen(target, { tls }, accept)
      const { address } = listener
      return {
        port: 'port' in address ? address.port : undefined,
        close: () => void listener.close(),
      }
    },
  }
}
