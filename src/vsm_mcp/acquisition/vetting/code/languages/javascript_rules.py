"""JavaScript rules: what the functions of the worlds of Node, Deno and Bun do."""

from vsm_mcp.acquisition.vetting.code.flow.rules import Effect, Role, Rules, effects
from vsm_mcp.model.verdict import Permission

_NODE_NETWORK = """
    http https http2 net tls dgram dns fetch XMLHttpRequest WebSocket EventSource axios node-fetch got undici
    request request-promise superagent ws socket.io-client cross-fetch isomorphic-fetch nodemailer ssh2 ky needle
    phin bent ofetch navigator.sendBeacon ssh2-sftp-client basic-ftp ftp mqtt amqplib zeromq imap
    telegraf node-telegram-bot-api discord.js @sendgrid/mail postmark resend @slack/web-api
    @aws-sdk/client-s3 Image Bun.connect Deno.connect Bun.fetch
"""
_BUILTINS = """
    import eval Function require process global globalThis window self Buffer atob btoa unescape decodeURIComponent
    decodeURI encodeURIComponent encodeURI escape String Object JSON Array Reflect URL URLSearchParams FormData Blob
    fetch XMLHttpRequest WebSocket EventSource navigator setTimeout setInterval setImmediate Promise structuredClone
    Bun Deno module Image parseInt TextDecoder Uint8Array Uint16Array __non_webpack_require__ __require
"""
_NODE_PROCESSES = """
    child_process execa cross-spawn shelljs node-pty zx cluster.fork Bun.spawn Bun.spawnSync Deno.Command Deno.run
    process.binding process._linkedBinding simple-git nano-spawn tinyexec foreground-child
"""

_QUIET = """
    Object JSON Array String Promise structuredClone URL URLSearchParams Buffer parseInt TextDecoder Uint8Array
    Uint16Array Reflect setTimeout setInterval setImmediate encodeURIComponent decodeURIComponent encodeURI decodeURI
    escape FormData Blob import require self window module global request glob
"""

GATHERING: frozenset[str] = frozenset({"push", "unshift", "append", "set", "add", "assign"})
"""Methods after which their object holds what they were given."""

HELPERS: frozenset[str] = frozenset(
    {
        "__importDefault",
        "__importStar",
        "__toESM",
        "__toCommonJS",
        "_interopRequireDefault",
        "_interopRequireWildcard",
        "_interopDefault",
    }
)
"""Functions that compilers add around modules; they return what they are given."""

JAVASCRIPT = Rules(
    functions={
        **effects(
            {
                Role.CODE: (
                    "eval Function vm.runInThisContext vm.runInNewContext vm.runInContext vm.Script "
                    "vm.compileFunction vm.SourceTextModule vm2 isolated-vm module._compile "
                    "module.prototype._compile new-function"
                ),
                Role.PROCESS: _NODE_PROCESSES,
                Role.NETWORK: _NODE_NETWORK,
                Role.READ: (
                    "fs.readFile fs.readFileSync fs.createReadStream fs.open fs.openSync fs.readdir "
                    "fs.readdirSync fs.copyFile fs.copyFileSync fs.cp fs.cpSync fs.readlink fs.readlinkSync "
                    "fs.opendir fs.readJson fs.readJsonSync fs.copy fs.copySync Bun.file Deno.readTextFile "
                    "Deno.readFile Deno.readTextFileSync glob fast-glob globby"
                ),
                Role.WRITE: (
                    "fs.writeFile fs.writeFileSync fs.appendFile fs.appendFileSync fs.createWriteStream "
                    "fs.rename fs.renameSync fs.symlink fs.symlinkSync fs.mkdir fs.mkdirSync fs.chmod "
                    "fs.chmodSync fs.truncate fs.outputFile fs.outputFileSync fs.writeJson fs.writeJsonSync "
                    "fs.ensureDir fs.ensureDirSync fs.move fs.moveSync fs.link fs.linkSync fs.mkdtemp "
                    "fs.mkdtempSync Bun.write Deno.writeTextFile Deno.writeFile Deno.writeTextFileSync"
                ),
                Role.REMOVE: (
                    "fs.rm fs.rmSync fs.rmdir fs.rmdirSync fs.unlink fs.unlinkSync fs.remove fs.removeSync "
                    "rimraf Deno.remove"
                ),
                Role.DECODE: (
                    "atob Buffer.from unescape decodeURIComponent decodeURI String.fromCharCode "
                    "String.fromCodePoint zlib.inflateSync zlib.gunzipSync zlib.unzipSync "
                    "zlib.brotliDecompressSync zlib.inflate zlib.gunzip crypto.createDecipheriv "
                    "crypto.createDecipher crypto.privateDecrypt lz-string pako CryptoJS.AES.decrypt "
                    "crypto-js.AES.decrypt parseInt TextDecoder().decode"
                ),
                Role.CARRY: (
                    "JSON.stringify Object.entries Object.keys Uint8Array Uint16Array Object.assign "
                    "Object.fromEntries Object.values "
                    "structuredClone querystring.stringify qs.stringify URLSearchParams btoa util.inspect "
                    "Array.from zlib.gzipSync zlib.deflateSync FormData Blob escape"
                ),
                Role.TEXT: (
                    "String encodeURIComponent encodeURI URL path.resolve path.normalize url.fileURLToPath "
                    "fileURLToPath Object.freeze"
                ),
                Role.JOIN: "path.join path.posix.join path.win32.join upath.join",
                Role.HOME: "os.homedir",
                Role.IMPORT: (
                    "require import module.require process.mainModule.require module.createRequire() "
                    "module._load process.getBuiltinModule __non_webpack_require__ __require"
                ),
                Role.ATTRIBUTE: "Reflect.get",
                Role.SPY: (
                    "clipboardy.read clipboardy.readSync navigator.clipboard.readText screenshot-desktop "
                    "iohook node-global-key-listener uiohook-napi gkm node-record-lpcm16 robotjs.screen "
                    "navigator.mediaDevices.getUserMedia node-webcam"
                ),
                Role.TIMER: "setTimeout setInterval setImmediate",
                Role.SAME: (
                    "util.promisify promisify __importDefault __importStar __toESM _interopRequireDefault "
                    "_interopRequireWildcard _interopDefault Promise.resolve Promise.all Promise.race "
                    "tslib.__importStar tslib.__importDefault __toCommonJS Object.getPrototypeOf"
                ),
            }
        ),
        "worker_threads.Worker": Effect(Role.CODE),
        **{
            name: Effect(Role.PLAIN, permission)
            for names, permission in (
                ("process.dlopen ffi-napi koffi", Permission.DYNAMIC_CODE),
                ("Function.prototype Function.name Function.length", None),
                ("dotenv", Permission.ENVIRONMENT),
                ("fs fs-extra Deno.stat Deno.readDir", Permission.FILES_READ),
            )
            for name in names.split()
        },
    },
    methods=effects(
        {
            Role.TEXT: (
                "toString split trim toLowerCase toUpperCase replace replaceAll concat slice substring substr "
                "normalize encode repeat"
            ),
            Role.CARRY: "map filter reduce flat flatMap forEach entries values then catch finally sort",
            Role.DECODE: "reverse",
            Role.GLUE: "join",
            Role.PIPE: "pipe pipeTo pipeThrough",
        }
    ),
    environment=frozenset({"process.env", "Bun.env", "Deno.env"}),
    imports={
        **dict.fromkeys(_NODE_NETWORK.split(), Permission.NETWORK),
        **dict.fromkeys(_NODE_PROCESSES.split(), Permission.PROCESSES),
        **dict.fromkeys(("vm", "vm2", "isolated-vm"), Permission.DYNAMIC_CODE),
    },
    aliases=(
        ("globalThis.", ""),
        ("global.", ""),
        ("window.", ""),
        ("self.", ""),
        ("node:", ""),
        ("fs/promises", "fs"),
        ("fs.promises", "fs"),
        ("fs.default", "fs"),
        ("fs-extra.", "fs."),
        ("graceful-fs", "fs"),
        ("process.process.", "process."),
        ("dns/promises", "dns"),
        ("module().", "module.prototype."),
        ("module.Module().", "module.prototype."),
        ("module.Module.", "module."),
    ),
    builtins=frozenset(_BUILTINS.split()),
    writer="fs.createWriteStream",
    joins_receiver=True,
    quiet=frozenset(_QUIET.split()),
)
