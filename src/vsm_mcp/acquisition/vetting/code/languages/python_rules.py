"""Python rules: what the functions of Python's world do."""

from vsm_mcp.acquisition.vetting.code.flow.rules import Effect, Role, Rules, effects
from vsm_mcp.model.verdict import Permission

_PYTHON_NETWORK = """
    socket ssl urllib.request urllib3 http.client requests httpx httpx2 aiohttp websockets websocket ftplib smtplib
    telnetlib paramiko asyncssh poplib imaplib nntplib xmlrpc.client asyncio.open_connection anyio.connect_tcp
    trio.open_tcp_stream curl_cffi pycurl tornado.httpclient niquests grpc dns.resolver socks treq
    cloudscraper pysftp aiosmtplib smbclient pika
    zmq paho.mqtt irc discord telebot telegram slack_sdk boto3.client aioboto3 asyncio.open_unix_connection http3
    asyncio.create_connection twisted.web.client pyzmail yagmail sendgrid tls_client primp httplib2 aiohttp_socks
"""
_PYTHON_PROCESSES = """
    subprocess os.system os.popen os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe
    os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe os.posix_spawn
    os.posix_spawnp os.startfile os.fork pty.spawn pty.fork asyncio.create_subprocess_exec
    asyncio.create_subprocess_shell anyio.run_process anyio.open_process trio.run_process pexpect plumbum
    commands.getoutput psutil.Popen sh git.Repo git.Git invoke.run delegator
"""
_BUILTINS = """
    exec eval compile open __import__ getattr globals locals vars __builtins__ dict list tuple set str bytes
    bytearray repr reversed sorted filter map chr ascii memoryview int
"""
_QUIET = "dict list tuple set str repr sorted ascii int memoryview"
_PATH_METHODS = {
    Role.READ: "read_text read_bytes iterdir rglob glob",
    Role.WRITE: "write_text write_bytes touch symlink_to hardlink_to",
    Role.OPEN: "open",
    Role.REMOVE: "unlink rmdir",
    Role.JOIN: "joinpath",
    Role.TEXT: (
        "encode decode strip lstrip rstrip lower upper format replace removeprefix removesuffix expanduser "
        "resolve absolute as_posix hex tobytes getvalue"
    ),
    Role.CARRY: "items values copy",
    Role.GLUE: "join",
    Role.DECODE: "to_bytes translate",
}

PYTHON = Rules(
    functions={
        **effects(
            {
                Role.CODE: (
                    "exec eval runpy.run_path runpy.run_module code.InteractiveInterpreter "
                    "code.InteractiveConsole types.FunctionType types.CodeType"
                ),
                Role.UNPACK: (
                    "pickle.loads pickle.load pickle.Unpickler cloudpickle.loads cloudpickle.load dill.loads "
                    "dill.load joblib.load shelve.open yaml.unsafe_load yaml.full_load"
                ),
                Role.PROCESS: _PYTHON_PROCESSES,
                Role.NETWORK: _PYTHON_NETWORK,
                Role.OPEN: (
                    "open io.open codecs.open os.open aiofiles.open anyio.open_file gzip.open bz2.open lzma.open"
                ),
                Role.READ: (
                    "os.listdir os.scandir os.walk glob.glob glob.iglob linecache.getlines shutil.copy "
                    "shutil.copy2 shutil.copyfile shutil.copytree shutil.make_archive sqlite3.connect "
                    "zipfile.ZipFile.write tarfile.open"
                ),
                Role.WRITE: (
                    "os.rename os.replace os.symlink os.link os.mkdir os.makedirs os.chmod os.chown shutil.move "
                    "shutil.unpack_archive os.truncate os.mkfifo "
                    "winreg.OpenKey winreg.CreateKey winreg.OpenKeyEx winreg.CreateKeyEx _winreg.CreateKey"
                ),
                Role.REMOVE: "os.remove os.unlink os.rmdir os.removedirs shutil.rmtree",
                Role.DECODE: (
                    "base64 binascii.unhexlify binascii.a2b_base64 binascii.a2b_hex bytes.fromhex "
                    "bytearray.fromhex codecs.decode codecs.getdecoder zlib.decompress gzip.decompress "
                    "bz2.decompress lzma.decompress zlib.decompressobj marshal.loads "
                    "int cryptography.fernet.Fernet Crypto.Cipher Cryptodome.Cipher nacl.secret reversed chr"
                ),
                Role.CARRY: (
                    "dict list tuple set json.dumps repr urllib.parse.urlencode pickle.dumps zlib.compress "
                    "gzip.compress marshal.dumps copy.copy copy.deepcopy orjson.dumps ujson.dumps "
                    "pprint.pformat base64.b64encode base64.urlsafe_b64encode base64.b32encode base64.b16encode "
                    "base64.b85encode base64.standard_b64encode base64.encodebytes binascii.hexlify sorted "
                    "filter map"
                ),
                Role.TEXT: (
                    "str bytes bytearray ascii os.path.expanduser os.path.expandvars os.path.abspath "
                    "os.path.realpath os.path.normpath os.fspath os.fsencode os.fsdecode memoryview io.BytesIO "
                    "io.StringIO urllib.parse.quote urllib.parse.unquote textwrap.dedent shlex.split compile"
                ),
                Role.JOIN: (
                    "os.path.join pathlib.Path pathlib.PurePath pathlib.PosixPath pathlib.WindowsPath "
                    "anyio.Path trio.Path posixpath.join ntpath.join"
                ),
                Role.HOME: "pathlib.Path.home anyio.Path.home",
                Role.PIPE: "os.dup2",
                Role.IMPORT: "__import__ importlib.import_module importlib.__import__",
                Role.ATTRIBUTE: (
                    "getattr inspect.getattr_static object.__getattribute__ type.__getattribute__ "
                    "operator.attrgetter() operator.methodcaller()"
                ),
                Role.PATH: "sys.path.insert sys.path.append zipimport.zipimporter site.addsitedir",
                Role.GETTER: "operator.attrgetter operator.methodcaller",
                Role.LOAD: (
                    "configparser.ConfigParser().read configparser.RawConfigParser().read "
                    "configparser.SafeConfigParser().read tarfile.open().add zipfile.ZipFile().write"
                ),
                Role.VARIABLE: "os.getenv os.getenvb",
                Role.SPY: (
                    "pynput keyboard.hook keyboard.on_press keyboard.record keyboard.read_event pyxhook "
                    "pyperclip.paste clipboard.paste PIL.ImageGrab pyautogui.screenshot mss.mss pyscreenshot "
                    "sounddevice.rec sounddevice.InputStream pyaudio cv2.VideoCapture browser_cookie3 rookiepy "
                    "win32crypt.CryptUnprotectData win32clipboard.GetClipboardData pynput_robocorp"
                ),
            }
        ),
        **{
            name: Effect(Role.PLAIN, permission)
            for names, permission in (
                ("ctypes cffi", Permission.DYNAMIC_CODE),
                ("os.putenv dotenv environ decouple", Permission.ENVIRONMENT),
                ("tempfile", Permission.FILES_WRITE),
            )
            for name in names.split()
        },
    },
    methods=effects(_PATH_METHODS),
    environment=frozenset({"os.environ", "os.environb"}),
    imports={
        **dict.fromkeys(_PYTHON_NETWORK.split(), Permission.NETWORK),
        **dict.fromkeys(("subprocess", "pexpect", "plumbum", "pty", "git", "sh", "invoke"), Permission.PROCESSES),
        **dict.fromkeys(("ctypes", "cffi", "pickle", "marshal", "runpy"), Permission.DYNAMIC_CODE),
    },
    aliases=(
        ("__builtins__.", ""),
        ("ctypes.CDLL().", "os."),
        ("builtins.", ""),
        ("io.open", "open"),
        ("posix.", "os."),
        ("nt.", "os."),
        ("os.path.os.", "os."),
        ("urllib2.", "urllib.request."),
        ("_socket.", "socket."),
    ),
    builtins=frozenset(_BUILTINS.split()),
    writer="open",
    names_arguments=True,
    quiet=frozenset(_QUIET.split()),
)

FILLING: frozenset[str] = frozenset({"save", "dump", "write_to", "getinto"})
"""Methods that write what their object holds into what they are given."""

GATHERING: frozenset[str] = frozenset(
    {
        *("append", "add", "update", "extend", "insert", "setdefault", "write", "put", "put_nowait", "appendleft"),
        *("set_content", "set_payload", "attach", "add_attachment", "add_field", "writestr", "writerow", "add_header"),
    }
)
"""Methods after which their object holds what they were given."""
