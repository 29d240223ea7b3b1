"""The words by which a bracket in a text is known for a note, a sound cue or the label of a line. Tables alone.

English and Portuguese; f5ctl/brackets.py says what they mean.
"""

from __future__ import annotations

from typing import Final


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Whole notes of editors and of encyclopaedias.
NOTES: Final = frozenset(
    {
        "sic",
        "citation needed",
        "clarification needed",
        "page needed",
        "better source needed",
        "when?",
        "who?",
        "where?",
        "which?",
        "why?",
        "by whom?",
        "according to whom?",
        "dubious",
        "dubious – discuss",
        "edit",
        "edit source",
        "failed verification",
        "dead link",
        "n.b.",
        "carece de fontes",
        "carece de fontes?",
        "quando?",
        "quem?",
        "onde?",
        "editar",
        "editar código",
        "editar código-fonte",
    }
)
# What a line of a log or of notes begins with: words, though in capitals.
LABELS: Final = _set(
    """
    alert attention aviso caution critical danger debug done draft erro error fail failed fatal fixme hint
    important info new nota note notice ok passed pass tip todo trace update urgent warn warning wip
    """
)
# Words that name a sound or a manner of speaking.
SOUNDS: Final = _set(
    """
    applause applauding applauds bark barking barks beep beeping beeps booing breath breathes breathing
    buzzing chatter cheering cheers chime chimes chirping chuckle chuckles chuckling clapping claps
    clattering clicking cough coughing coughs creaking creaks crosstalk crying echoing exhales explosion
    footsteps gasp gasping gasps giggle giggles giggling groan groaning groans grunt grunting grunts gunfire
    gunshot gunshots howling hums humming inaudible indistinct inhales knocking knocks laugh laughing laughs
    laughter moaning moans mumbling mumbles murmuring music muttering mutters noise panting ringing rings
    roaring roars screaming screams screeching sigh sighing sighs silence siren sirens sizzling slams
    slamming sneeze sneezes sniff sniffling sniffs snores snoring sobbing sobs splashing static stuttering
    throat thud thunder ticking unintelligible wailing whimpering whimpers whisper whispering whispers
    whistles whistling yawn yawning yawns yelling aplauso aplausos bate batem batidas bipe choram choro
    chorando explosão gargalhada gargalhadas gemidos gritam grito gritos gritando inaudível inaudivel
    ininteligível latidos latindo murmura murmúrios música musica ofegante passos ri rindo risada risadas
    riso risos ruído ruídos ronca silêncio silencio sirene sirenes soluça soluços soluçando suspira
    suspirando suspiro suspiros sussurra sussurrando sussurros tiro tiros toca tosse tossindo trovão trovões
    vaias zumbido
    """
)
# A phrase that begins so goes on with what the writer says, and not with what is to be heard.
NO_CUE_BEGINS: Final = _set(
    """
    a an the this that these those i he she it we you they my his her its our your their in on at of to for
    from and or but as is was are were be see not no if o os um uma este esta isto eu ele ela nós eles elas
    meu minha seu sua em no na de do da para por e ou mas que não se é era
    """
)
