"""Glossary: the words of other languages that orders to a model need, as English ones, so that one measure fits all.

Not a translation: only who, what, where and whether, for Spanish, French, German, Portuguese, Italian, Russian,
Chinese, Japanese and Korean. A word is matched by its beginning; unknown words are left as they are.
"""

import re
import unicodedata
from collections.abc import Mapping

_FUNCTION_WORDS: Mapping[str, str] = {
    "es": ("al con de del el en la las lo los no para por que se sin su una y"),
    "fr": ("a aux avant d dans des du est et l la le les n ne pas pour que sans une vous"),
    "de": ("alle bitte das dem den der des die dir ein eine im ist mit nicht und vor wird zu"),
    "pt": ("a ao as com da do dos e em na nao no o os para que sem uma"),
    "it": ("che con dal del dell di e gli il la le lo nel non per senza una"),
}
"""The small words by which a language is told."""

_WORDS: Mapping[str, str] = {
    "es": (
        "lee=read leer=read lea=read abr=open consig=get obten=get busca=find recop=collect extrae=extract "
        "copi=copy envi=send mand=send adjunt=attach incluy=include pas=pass pon=put coloc=put reenv=forward "
        "sub=upload transmit=transmit escrib=write peg=paste guarda=save contrasen=password clave=keys "
        "llave=keys secret=secret credencial=credentials token=token tarjeta=card historial=history "
        "conversac=conversation mensaje=messages instrucc=instructions regla=rules indicac=instructions "
        "ignor=ignore olvid=forget omit=ignore caso=disregard usuari=user persona=person cliente=customer "
        "asistente=assistant modelo=model agente=agent no=not nunca=never sin=without nada=nothing dig=tell "
        "dic=tell decir=tell menc=mention coment=mention inform=inform avis=notify notific=notify "
        "silenci=silently secreto=secretly antes=before despu=after cuando=when siempre=always debe=must "
        "primero=first toda=all complet=complete archivo=file fichero=file entorno=environment "
        "herramienta=tool servidor=server otra=other otro=other sistema=system borr=delete elimin=delete "
        "ejecut=execute finj=pretend fing=pretend parametr=parameter campo=field contenido=contents "
        "permiso=permission"
    ),
    "fr": (
        "lis=read lire=read lisez=read ouvr=open recuper=get obten=get cherch=find collect=collect "
        "extra=extract copi=copy envo=send transmet=transmit joign=attach joind=attach inclu=include "
        "pass=pass mett=put met=put plac=put suivre=forward televers=upload ecri=write coll=paste "
        "mot=password motsde=password passe=password cle=keys secret=secret identifiant=credentials "
        "jeton=token carte=card historique=history conversation=conversation discussion=conversation "
        "message=messages instruction=instructions consigne=instructions regle=rules ignor=ignore "
        "oubli=forget outrepass=override utilisateur=user utilisatrice=user personne=person client=customer "
        "assistant=assistant modele=model agent=agent pas=not ne=not n=not jamais=never sans=without "
        "rien=nothing dis=tell dit=tell dire=tell mentionn=mention inform=inform avert=notify prevenir=notify "
        "savoir=know silenc=silently discret=discreetly cachette=secretly avant=before apres=after "
        "lorsque=when quand=when toujours=always doit=must devez=must abord=first tout=all complet=complete "
        "entier=entire fichier=file environnement=environment outil=tool serveur=server autre=other "
        "systeme=system supprim=delete effac=delete execut=execute pretend=pretend parametr=parameter "
        "champ=field contenu=contents"
    ),
    "de": (
        "lies=read lesen=read les=read offn=open hol=get beschaff=get such=find sammel=collect "
        "extrahier=extract kopier=copy send=send schick=send ubermitt=transmit gib=pass weitergeb=pass "
        "ubergib=pass anhang=attach beifug=include einfug=insert eintrag=put eintrug=put trag=put "
        "leit=forward weiterleit=forward hochlad=upload lad=upload schreib=write passwort=password "
        "passwor=password kennwort=password schlussel=keys geheim=secret zugangsdat=credentials "
        "anmeldedat=credentials token=token karte=card verlauf=history gesprach=conversation "
        "unterhalt=conversation nachricht=messages anweis=instructions regel=rules vorgab=instructions "
        "ignor=ignore vergiss=forget missacht=disregard umgeh=bypass benutzer=user nutzer=user anwender=user "
        "person=person kund=customer assistent=assistant modell=model agent=agent nicht=not nie=never "
        "kein=not ohne=without nichts=nothing sag=tell erwahn=mention erzahl=tell informier=inform "
        "mitteil=inform erfahr=know verschweig=conceal schweig=silently heimlich=secretly still=silently "
        "unbemerkt=unnoticed unauffall=unnoticed vor=before nach=after wenn=when sobald=when immer=always "
        "stets=always muss=must hat=must erst=first zuerst=first alle=all gesamt=entire vollstandig=complete "
        "ganz=entire datei=file umgebung=environment werkzeug=tool tool=tool andere=other systemprompt=prompt "
        "system=system losch=delete entfern=remove ausfuhr=execute behaupt=claim parameter=parameter "
        "feld=field inhalt=contents"
    ),
    "pt": (
        "lei=read ler=read abr=open obten=get busqu=find procur=find colet=collect extrai=extract copi=copy "
        "envi=send mand=send anex=attach inclu=include pass=pass coloqu=put coloc=put encaminh=forward "
        "transmit=transmit carreg=upload escrev=write col=paste senha=password chave=keys segred=secret "
        "credenci=credentials token=token cartao=card historico=history convers=conversation mensage=messages "
        "instruc=instructions regra=rules ignor=ignore esquec=forget desconsider=disregard usuari=user "
        "utilizador=user pessoa=person cliente=customer assistente=assistant modelo=model agente=agent "
        "nao=not nunca=never sem=without nada=nothing dig=tell diz=tell cont=tell mencion=mention "
        "inform=inform avis=notify notific=notify silenci=silently secreto=secretly antes=before depois=after "
        "quando=when sempre=always deve=must primeiro=first tod=all complet=complete arquivo=file "
        "ficheiro=file ambiente=environment variave=environment ferramenta=tool servidor=server outr=other "
        "sistema=system apag=delete exclu=delete execut=execute parametr=parameter campo=field "
        "conteudo=contents"
    ),
    "it": (
        "legg=read apr=open ottien=get recuper=get cerc=find raccogl=collect estra=extract copi=copy "
        "invi=send mand=send alleg=attach includ=include pass=pass mett=put inserisc=insert inoltr=forward "
        "trasmett=transmit caric=upload scriv=write incoll=paste password=password chiav=keys segret=secret "
        "credenzial=credentials token=token carta=card cronologia=history conversazion=conversation "
        "messagg=messages istruzion=instructions regol=rules ignor=ignore dimentic=forget utent=user "
        "person=person client=customer assistent=assistant modell=model agent=agent non=not mai=never "
        "senza=without nulla=nothing niente=nothing dir=tell dic=tell menzion=mention inform=inform "
        "avvis=notify silenzi=silently nascosto=secretly prima=before dopo=after quando=when sempre=always "
        "deve=must primo=first tutt=all complet=complete intero=entire file=file ambiente=environment "
        "strument=tool server=server altr=other sistema=system cancell=delete elimin=delete esegu=execute "
        "parametr=parameter campo=field contenut=contents disattiv=disable controll=checks sicurezza=security"
    ),
    "ru": (
        "прочит=read прочт=read чита=read откро=open получ=get найди=find собер=collect извле=extract "
        "скопир=copy отправ=send отошл=send посыла=send переда=pass перешл=forward приложи=attach "
        "прикреп=attach включи=include добав=include встав=insert помест=put загруз=upload запиш=write "
        "пароль=password паро=password ключ=keys секрет=secret токен=token учетн=credentials карт=card "
        "истори=history переписк=conversation разговор=conversation диалог=conversation сообщени=messages "
        "инструкц=instructions указан=instructions правил=rules игнор=ignore забудь=forget пользовател=user "
        "человек=person люд=people клиент=customer ассистент=assistant модел=model агент=agent не=not "
        "никогда=never без=without ничего=nothing говор=tell сообщ=tell упомин=mention рассказ=tell "
        "молч=silently скрыв=conceal скрой=conceal владел=owner тайн=secretly скрыт=secretly "
        "незаметн=unnoticed перед=before после=after когда=when всегда=always долж=must сначала=first вс=all "
        "полн=complete файл=file окружени=environment переменн=environment инструмент=tool сервер=server "
        "друг=other остальн=other систем=system удал=delete выполн=execute параметр=parameter пол=field "
        "содержим=contents важн=important только=only"
    ),
}
"""How words begin, and what they mean."""

_SIGNS = (
    "读取=read 讀取=read 获取=get 收集=collect 查找=find 复制=copy 发送=send 发给=send 上传=upload "
    "转发=forward 传递=pass 传入=pass 放入=put 填入=put 附上=attach 包含=include 写入=write 密钥=keys "
    "私钥=private+key 密码=password 口令=password 凭证=credentials 凭据=credentials 令牌=token "
    "环境变量=environment+variables 对话=conversation 聊天=chat 记录=history 历史=history "
    "系统提示=system+prompt 提示词=prompt 指令=instructions 指示=instructions 规则=rules 限制=restrictions "
    "忽略=ignore 无视=ignore 忘记=forget 不要=not 不得=not 无需=without 请勿=not 切勿=never 别=not 不=not "
    "没有=without 告知=tell 告诉=tell 提示=tell 通知=notify 征得=ask 同意=consent 用户=user 使用者=user "
    "助手=assistant 模型=model 沉默=silently 悄悄=secretly 秘密=secret 之前=before 前=before 之后=after "
    "必须=must 总是=always 立即=immediately 首先=first 先=first 所有=all 完整=complete 全部=all "
    "内容=contents 文件=file 参数=parameter 工具=tool 服务器=server 其他=other 删除=delete 执行=execute "
    "凡是=whenever 読み=read 読ん=read 取得=get 集め=collect 送信=send 送っ=send 送り=send 転送=forward "
    "入れ=put 含め=include 添付=attach 渡し=pass 秘密鍵=private+key パスワード=password 認証情報=credentials "
    "トークン=token 環境変数=environment+variables 会話=conversation 履歴=history "
    "システムプロンプト=system+prompt プロンプト=prompt 命令=instructions ルール=rules 無視=ignore 無効=void "
    "忘れ=forget ユーザー=user 利用者=user アシスタント=assistant モデル=model 知らせ=tell 伝え=tell "
    "表示し=show 言わ=tell 内緒=secretly 密かに=secretly ないで=not しない=not せず=without 必ず=must "
    "まず=first すべて=all 全て=all 全文=entire ファイル=file サーバー=server ツール=tool 以前=previous "
    "これまで=previous 削除=delete 읽=read 가져=get 수집=collect 보내=send 전송=send 전달=pass 넣=put "
    "첨부=attach 포함=include 비밀번호=password 암호=password 개인키=private+key 키=keys 토큰=token "
    "대화=conversation 기록=history 지시=instructions 규칙=rules 무시=ignore 사용자=user "
    "어시스턴트=assistant 모델=model 말하=tell 알리=tell 몰래=secretly 비밀=secret 먼저=first 전에=before "
    "반드시=must 모든=all 전체=entire 파일=file 도구=tool 서버=server 다른=other 삭제=delete 실행=execute"
)
"""Signs of Chinese, Japanese and Korean, wherever they stand in a run of signs."""

_ENOUGH = 2
_BEGIN = 10
_ENGLISH = frozenset(("the", "and", "of", "with", "this", "that", "is", "to", "for", "your", "when"))


def _table(words: str) -> dict[str, str]:
    return dict(entry.split("=") for entry in words.split())


_TABLES = {language: _table(words) for language, words in _WORDS.items()}
_SPOKEN = {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}
_MEANT = {sign: meaning.replace("+", " ") for sign, meaning in _table(_SIGNS).items()}
_EASTERN = re.compile("|".join(sorted(map(re.escape, _MEANT), key=len, reverse=True)))


def in_english(words: list[str]) -> list[str]:
    """Return the words with those of other languages in English, as far as the glossary knows them."""
    if "".join(words).isascii():
        language = _language(words)
        return [_looked_up(word, _TABLES[language]) for word in words] if language else words
    plain = [word if word.isascii() else _folded(word) for word in words]
    language = _language(plain)
    table = _TABLES[language] if language else {}
    return [english for word in plain for english in _foreign(word, table)]


def _foreign(word: str, table: Mapping[str, str]) -> list[str]:
    if word.isascii():
        return [_looked_up(word, table)]
    if "\u0400" <= word[0] <= "\u04ff":
        return [_looked_up(word, _TABLES["ru"])]
    signs = [part for sign in _EASTERN.findall(word) for part in _MEANT[sign].split()]
    return signs or [word]


def _language(words: list[str]) -> str:
    """Return the language that most function words belong to, or nothing for English."""
    spoken = set(words)
    if spoken & _ENGLISH:
        return ""
    most, language = max((len(spoken & known), name) for name, known in _SPOKEN.items())
    return language if most >= _ENOUGH else ""


def _looked_up(word: str, table: Mapping[str, str]) -> str:
    for length in range(min(len(word), _BEGIN), 0, -1):
        english = table.get(word[:length])
        if english is not None and (length > 3 or length >= len(word) - 2):  # noqa: PLR2004 - short ones nearly whole
            return english
    return word


def _folded(word: str) -> str:
    """Return a word without its accents; letters of other alphabets stay."""
    if word > "\u024f":
        return word
    return "".join(letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))
